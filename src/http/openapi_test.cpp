// SPDX-License-Identifier: Apache-2.0
// The contract against the server's own table of routes, both ways.
#include "http/openapi.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/json.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = static_cast<char>(std::tolower(c));
  return lowered;
}

json::object paths() {
  const auto document = parse_json(openapi_document());
  EXPECT_TRUE(document) << document.error().message;
  return document->as_object().at("paths").as_object();
}

TEST(OpenApi, DescribesEveryRouteAndNothingElse) {
  std::set<std::string> served;
  for (const Route& route : routes())
    served.insert(lower(to_string(route.method)) + " " + std::string(route.pattern));
  std::set<std::string> described;
  for (const auto& path : paths())
    for (const auto& operation : path.value().as_object())
      described.insert(std::string(operation.key()) + " " + std::string(path.key()));
  EXPECT_EQ(served, described);
}

TEST(OpenApi, DescribesEveryPlaceholder) {
  for (const auto& path : paths()) {
    std::set<std::string> wanted;
    std::string_view rest = path.key();
    for (auto at = rest.find('{'); at != rest.npos; at = rest.find('{')) {
      const auto end = rest.find('}', at);
      wanted.emplace(rest.substr(at + 1, end - at - 1));
      rest.remove_prefix(end);
    }
    for (const auto& operation : path.value().as_object()) {
      std::set<std::string> described;
      if (const auto* parameters = operation.value().as_object().if_contains("parameters"))
        for (const json::value& parameter : parameters->as_array())
          if (parameter.at("in").as_string() == "path")
            described.emplace(parameter.at("name").as_string());
      EXPECT_EQ(described, wanted) << path.key();
    }
  }
}

TEST(OpenApi, HasOnlyCodesThatExistUnderTheirOwnStatus) {
  // Codes that another status than their kind's says.
  const std::set<std::string_view> special{"PROOF_REQUIRED"};
  for (const auto& path : paths())
    for (const auto& operation : path.value().as_object())
      for (const auto& response : operation.value().at("responses").as_object()) {
        const auto* codes = response.value().as_object().if_contains("x-codes");
        if (codes == nullptr) continue;
        for (const json::value& value : codes->as_array()) {
          const std::string_view code = value.as_string();
          if (special.contains(code)) continue;
          const ErrorCode known = parse_error_code(code);
          EXPECT_EQ(to_string(known), code) << path.key();
          if (path.key() == "/readyz") continue;
          EXPECT_EQ(std::to_string(status_of(kind_of(known))), response.key())
              << path.key() << " " << code;
        }
      }
}

TEST(Routes, AreFoundByMethodAndPath) {
  struct Row {
    Method method;
    std::string_view path;
    std::string_view name;
    std::string_view argument;
  };
  const Row rows[] = {
      {Method::get, "/", "page", ""},
      {Method::head, "/", "page", ""},
      {Method::get, "/page/main.js", "page_file", "main.js"},
      {Method::get, "/page/", "", ""},
      {Method::get, "/v/abc/thumb.webp", "variant", "abc"},
      {Method::head, "/v1/assets/sha256:00", "existence", "sha256:00"},
      {Method::get, "/v1/assets/x", "asset", "x"},
      {Method::remove, "/v1/assets/x/uploads/y", "delete_upload", "x"},
      {Method::post, "/v1/assets", "upload", ""},
      {Method::put, "/v1/assets", "", ""},
      {Method::get, "/v1/assets/", "", ""},
      {Method::get, "/v1/assets//events", "", ""},
      {Method::get, "/v1", "", ""},
      {Method::get, "*", "", ""},
      {Method::get, "/v/abc/thumb.webp/x", "", ""},
  };
  for (const Row& row : rows) {
    const RouteMatch match = find_route(row.method, row.path);
    EXPECT_EQ(match.route == nullptr ? "" : match.route->name, row.name) << row.path;
    EXPECT_EQ(match.arguments[0], row.argument) << row.path;
  }
  EXPECT_EQ(find_route(Method::put, "/v1/assets").allow, "POST, GET, HEAD, OPTIONS");
  EXPECT_EQ(find_route(Method::put, "/nowhere").allow, "");
  for (const std::string_view path : {"/healthz", "/readyz", "/metrics"})
    EXPECT_NE(find_route(Method::get, path, true).route, nullptr) << path << " of a worker";
  for (const std::string_view path : {"/", "/openapi.json", "/v1/assets", "/v1/keys", "/v1/jobs"})
    EXPECT_EQ(find_route(Method::get, path, true).route, nullptr) << path << " of a worker";
}

}  // namespace
}  // namespace calotype
