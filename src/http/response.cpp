// SPDX-License-Identifier: Apache-2.0
#include "http/response.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "http/utf8_text.hpp"

namespace calotype {
namespace {

constexpr std::string_view problem_media_type = "application/problem+json";

/// The limit that a LIMIT_EXCEEDED message names: its first word with a point inside, like
/// `render.input_pixels_max`.
std::string_view limit_in(std::string_view message) {
  constexpr std::string_view name_characters = "abcdefghijklmnopqrstuvwxyz_.";
  while (!message.empty()) {
    const auto first = message.find_first_of("abcdefghijklmnopqrstuvwxyz");
    if (first == message.npos) return {};
    message.remove_prefix(first);
    std::string_view word = message.substr(0, message.find_first_not_of(name_characters));
    message.remove_prefix(word.size());
    while (word.ends_with('.')) word.remove_suffix(1);
    if (word.contains('.')) return word;
  }
  return {};
}

Response problem(int status, ErrorCode code, std::string_view detail) {
  json::object document{{"type", "about:blank"},
                        {"title", reason_phrase(status)},
                        {"status", status},
                        {"code", to_string(code)},
                        {"detail", to_utf8(detail)}};
  if (code == ErrorCode::limit_exceeded)
    if (const auto limit = limit_in(detail); !limit.empty()) document["limit"] = limit;
  return text_response(status, problem_media_type, json::serialize(document));
}

}  // namespace

std::uint64_t size_of(const BodyPiece& piece) {
  struct Size {
    std::uint64_t operator()(const std::string& text) const { return text.size(); }
    std::uint64_t operator()(const MemorySlice& slice) const { return slice.size; }
    std::uint64_t operator()(const StaticSlice& slice) const { return slice.bytes.size(); }
    std::uint64_t operator()(const FileSlice& slice) const { return slice.size; }
    std::uint64_t operator()(const RemoteSlice& slice) const { return slice.size; }
  };
  return std::visit(Size{}, piece);
}

BodyPiece piece_of(BlobSource source, std::uint64_t bytes) {
  if (auto* blob = std::get_if<Blob>(&source))
    return FileSlice{std::move(blob->file), 0, bytes, std::move(blob->check)};
  return RemoteSlice{std::get<std::shared_ptr<RemoteBlob>>(std::move(source)), 0, bytes};
}

void Response::add(std::string_view name, std::string_view value) {
  fields.append(name).append(": ");
  const auto begin = static_cast<std::ptrdiff_t>(fields.size());
  fields.append(value);
  std::replace_if(
      fields.begin() + begin, fields.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  fields.append("\r\n");
}

std::uint64_t Response::content_length() const {
  std::uint64_t total = 0;
  for (const BodyPiece& piece : body) total += size_of(piece);
  return total;
}

std::string_view reason_phrase(int status) {
  static constexpr std::pair<int, std::string_view> phrases[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {302, "Found"},
      {304, "Not Modified"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {422, "Unprocessable Content"},
      {423, "Locked"},
      {428, "Precondition Required"},
      {431, "Request Header Fields Too Large"},
      {451, "Unavailable For Legal Reasons"},
      {460, "Checksum Mismatch"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
  };
  const auto* const found =
      std::ranges::find(phrases, status, [](const auto& phrase) { return phrase.first; });
  return found == std::end(phrases) ? "Unknown" : found->second;
}

Response text_response(int status, std::string_view media_type, std::string text) {
  Response response{.status = status, .fields = {}, .body = {}};
  response.add("Content-Type", media_type);
  response.body.emplace_back(std::move(text));
  return response;
}

Response json_response(int status, std::string text) {
  Response response = text_response(status, "application/json", std::move(text));
  response.add("Cache-Control", "no-store");
  return response;
}

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input:
      return 400;
    case ErrorKind::unauthorized:
      return 401;
    case ErrorKind::forbidden:
      return 403;
    case ErrorKind::not_found:
      return 404;
    case ErrorKind::not_allowed:
      return 405;
    case ErrorKind::conflict:
      return 409;
    case ErrorKind::gone:
      return 410;
    case ErrorKind::precondition:
      return 412;
    case ErrorKind::too_large:
      return 413;
    case ErrorKind::unsupported:
      return 415;
    case ErrorKind::bad_range:
      return 416;
    case ErrorKind::unprocessable:
      return 422;
    case ErrorKind::locked:
      return 423;
    case ErrorKind::barred:
      return 451;
    case ErrorKind::checksum:
      return 460;  // tus 1.0, Checksum Mismatch
    case ErrorKind::pending:
      return 202;
    case ErrorKind::remote:
      return 502;
    case ErrorKind::overloaded:
    case ErrorKind::timeout:
    case ErrorKind::cancelled:
    case ErrorKind::upstream:
      return 503;
    case ErrorKind::no_space:
      return 507;
    case ErrorKind::corrupt:
    case ErrorKind::internal:
      return 500;
  }
  return 500;
}

Response problem_response(const Error& error) {
  const int status = status_of(error.kind());
  Response response = problem(status, error.code, error.message);
  response.add("Cache-Control", "no-store");
  if (status == 401) response.add("WWW-Authenticate", "Bearer");
  if (status == 202 || status == 503) response.add("Retry-After", "1");
  return response;
}

Response problem_response(int status, ErrorCode code, std::string_view detail) {
  Response response = problem(status, code, detail);
  response.add("Cache-Control", "no-store");
  return response;
}

Response not_allowed_response(std::string_view allow) {
  Response response = problem_response(405, ErrorCode::method_not_allowed,
                                       "This resource allows " + std::string(allow) + ".");
  response.add("Allow", allow);
  return response;
}

}  // namespace calotype
