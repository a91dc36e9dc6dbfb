// SPDX-License-Identifier: Apache-2.0
// An answer as a plain value: routes make it on whatever thread, the connection sends it. The body
// is pieces, each in memory or in a file, so that a range of either costs no copy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/shared_bytes.hpp"
#include "base/unique_fd.hpp"
#include "blobs/blob_store.hpp"

namespace calotype {

/// From here on a copy into the socket costs more than a second call: such bytes go out of a file
/// in memory where they have one (`Bytes::in_file`).
inline constexpr std::uint64_t uncopied_bytes_min = 16 << 10;

struct MemorySlice {
  SharedBytes bytes;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};
/// Bytes that are part of the program.
struct StaticSlice {
  std::string_view bytes;
};
struct FileSlice {
  std::shared_ptr<const UniqueFd> file;  // shared: with the blob, and with whoever else sends it
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::shared_ptr<const BlobCheck> check{};  // of the whole file; shared with the blob likewise
};
/// Bytes that come from the store while they are sent.
struct RemoteSlice {
  std::shared_ptr<RemoteBlob> blob;  // shared: by the ranges of one answer
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::shared_ptr<BlobStream> stream{};  // once it has begun; shared: a piece can be copied
};
class EventListener;  // event_feed.hpp
using BodyPiece = std::variant<std::string, MemorySlice, StaticSlice, FileSlice, RemoteSlice>;
std::uint64_t size_of(const BodyPiece& piece);
/// All of a blob.
BodyPiece piece_of(BlobSource source, std::uint64_t bytes);

struct Response {
  int status = 200;
  std::string
      fields;  // "Name: value\r\n" each; the connection adds Date, Content-Length, Connection
  std::vector<BodyPiece> body;
  bool close = false;  // the connection ends after it
  /// Instead of a body: what comes, for as long as the client listens. Shared with the feed.
  std::shared_ptr<EventListener> events{};

  /// Control characters in the value become spaces: no value can begin another field.
  void add(std::string_view name, std::string_view value);
  std::uint64_t content_length() const;
};

/// "Not Found", …
std::string_view reason_phrase(int status);

Response json_response(int status, std::string text);
/// Plain text with that media type.
Response text_response(int status, std::string_view media_type, std::string text);

/// The one place where a kind of error becomes a status.
int status_of(ErrorKind kind);
/// application/problem+json (RFC 9457) with the error's code and what its kind calls for:
/// Retry-After, WWW-Authenticate; never cached but for a moment.
Response problem_response(const Error& error);
/// For refusals that come before any error of ours: a status and words.
Response problem_response(int status, ErrorCode code, std::string_view detail);
/// 405, with the methods that there are.
Response not_allowed_response(std::string_view allow);

}  // namespace calotype
