// SPDX-License-Identifier: Apache-2.0
#include "cli/uploading.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>

#include "cli/session.hpp"
#include "http/content_disposition.hpp"
#include "http/utf8_text.hpp"

namespace calotype {

Result<void> hash_range(const OpenFile& file, std::uint64_t offset, std::uint64_t length,
                        Sha256& hash) {
  thread_local std::vector<std::byte> buffer(256 << 10);
  while (length > 0) {
    const ssize_t got =
        pread(file.fd.get(), buffer.data(), std::min<std::uint64_t>(buffer.size(), length),
              static_cast<off_t>(offset));
    if (got < 0) return fail_errno(ErrorCode::bad_request, "The file cannot be read.", errno);
    if (got == 0) return fail(ErrorCode::bad_request, "The file became shorter while it was read.");
    hash.update(ByteSpan(buffer).first(static_cast<std::size_t>(got)));
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return {};
}

namespace {

json::array tags_json(const UploadWords& words) {
  json::array tags;
  for (const auto& tag : words.tags) tags.emplace_back(tag);
  return tags;
}

/// The server's 428: {"offset","length","nonce"}. The nonce counts as the characters it was sent
/// as.
Result<json::object> prove(const OpenFile& file, const json::value& challenge) {
  const std::string nonce = text_field(challenge, "nonce");
  const auto offset = number_field(challenge, "offset");
  const auto length = number_field(challenge, "length");
  if (offset > file.bytes || length > file.bytes - offset)
    return fail(ErrorCode::bad_request, "The server asks for a range that the file does not have.");
  Sha256 hash;
  hash.update(as_bytes(nonce));
  TRY_VOID(hash_range(file, offset, length, hash));
  return json::object{{"nonce", nonce}, {"sha256", hash.finish().hex()}};
}

}  // namespace

Result<bool> has_content(HttpClient& http, const Digest& digest) {
  TRY(const HttpAnswer known,
      http.send({.method = "HEAD", .target = "/v1/assets/sha256:" + digest.hex()}));
  if (known.status >= 500)  // which says nothing of the content
    return fail(
        ErrorCode::overloaded,
        std::format("The server answered {} when it was asked for the content.", known.status));
  // A HEAD's answer has no body to say why it refuses; the upload's, which is refused before its
  // bytes are sent, has.
  return known.ok();
}

Result<std::optional<json::value>> find_recorded(HttpClient& http, const UploadWords& words,
                                                 const std::string& file_name,
                                                 const Digest& digest) {
  TRY(const HttpAnswer answer, http.send({.target = "/v1/assets/sha256:" + digest.hex()}));
  if (answer.status >= 500) return std::unexpected(problem_of(answer));
  if (!answer.ok()) return std::nullopt;
  TRY(const json::value asset, parse_json(answer.body));
  const auto& uploads = array_field(asset, "uploads");
  for (const json::value& upload : uploads)
    if (text_field(upload, "file_name") == clean_relative_name(to_utf8(file_name)) &&
        text_field(upload, "collection") == to_utf8(words.collection) &&
        array_field(upload, "tags") == tags_json(words))
      return json::object{{"id", text_field(asset, "id")},
                          {"status", uploads.size() == 1 ? "PENDING" : "EXISTING"}};
  return std::nullopt;
}

Result<std::optional<json::value>> record_known(HttpClient& http, const UploadWords& words,
                                                const OpenFile& file, const Digest& digest) {
  json::object body{{"file_name", to_utf8(file.name)},
                    {"tags", tags_json(words)},
                    {"collection", to_utf8(words.collection)},
                    {"fields", words.fields}};
  const auto record = [&] {
    return http.send({.method = "POST",
                      .target = "/v1/assets/sha256:" + digest.hex() + "/uploads",
                      .headers = {"Content-Type: application/json"},
                      .body = json::serialize(body)});
  };
  TRY(HttpAnswer answer, record());
  if (answer.status == 428) {
    TRY(const json::value challenge, parse_json(answer.body));
    TRY(json::object proof, prove(file, challenge));
    body["proof"] = std::move(proof);
    TRY(answer, record());
  }
  if (answer.status == 404) return std::nullopt;  // deleted meanwhile
  if (!answer.ok()) return std::unexpected(problem_of(answer));
  TRY(json::value recorded, parse_json(answer.body));
  return recorded;
}

Result<json::value> send_bytes(HttpClient& http, const UploadWords& words, const OpenFile& file,
                               const Digest& digest, std::function<void(std::uint64_t)> progress) {
  std::string target = "/v1/assets?file_name=" + escape_segment(to_utf8(file.name));
  for (const auto& tag : words.tags) target += "&tags=" + escape_segment(tag);
  if (!words.collection.empty()) target += "&collection=" + escape_segment(words.collection);
  if (!words.fields.empty()) target += "&fields=" + escape_segment(json::serialize(words.fields));
  TRY(const HttpAnswer answer,
      http.send({.method = "POST",
                 .target = target,
                 .headers = {"Content-Type: application/octet-stream",
                             "Repr-Digest: sha-256=:" + to_base64(digest.bytes) + ":"},
                 .file = FileBody{file.fd.get(), file.bytes, std::move(progress)}}));
  if (!answer.ok()) return std::unexpected(problem_of(answer));
  return parse_json(answer.body);
}

}  // namespace calotype
