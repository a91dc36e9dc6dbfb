// SPDX-License-Identifier: Apache-2.0
// What operators and programs ask about the server itself.
#include "http/openapi.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

Response status_response(const Result<void>& verdict) {
  if (!verdict) {
    Error error = verdict.error();
    Response response = problem_response(503, error.code, error.message);
    response.add("Retry-After", "5");
    return response;
  }
  return json_response(200, R"({"status":"ok"})");
}

}  // namespace

Answer show_health(const Site& site, const Exchange&) {
  return status_response(site.health.verdict());
}

Answer show_readiness(const Site& site, const Exchange&) {
  auto verdict = site.services.catalog.check();
  if (verdict) verdict = site.services.blobs.check();
  return status_response(verdict);
}

Answer show_metrics(const Site& site, const Exchange&) {
  Response response = text_response(200, "text/plain; version=0.0.4; charset=utf-8",
                                    site.services.metrics.exposition());
  response.add("Cache-Control", "no-store");
  return response;
}

Answer show_openapi(const Site&, const Exchange&) {
  Response response = text_response(200, "application/json", std::string(openapi_document()));
  response.add("Cache-Control", "public, max-age=300");
  return response;
}

}  // namespace calotype
