// SPDX-License-Identifier: Apache-2.0
// One request to S3 and its answer, as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.hpp"
#include "base/error.hpp"

namespace calotype {

/// The metrics' label.
enum class S3Operation : std::uint8_t {
  put,
  get,
  head,
  remove,
  copy,
  list,
  create_multipart,
  put_part,
  complete_multipart,
  abort_multipart,
  list_multiparts,
  lifecycle,
  check,
};
constexpr std::size_t s3_operation_count = static_cast<std::size_t>(S3Operation::check) + 1;
std::string_view to_string(S3Operation operation);

/// The SHA-256 of no bytes, as a request without a body is signed with.
inline constexpr std::string_view sha256_of_nothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// In memory, or a part of a file.
struct S3Body {
  ByteSpan memory{};
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;

  static S3Body of(ByteSpan memory) { return {.memory = memory, .bytes = memory.size()}; }
  static S3Body of(int fd, std::uint64_t offset, std::uint64_t bytes) {
    return {.memory = {}, .fd = fd, .offset = offset, .bytes = bytes};
  }
};

struct S3ByteRange {
  static constexpr std::uint64_t to_the_end = UINT64_MAX;
  std::uint64_t offset = 0;
  std::uint64_t bytes = to_the_end;
};

enum class S3Taken : std::uint8_t { all, later, never };  // later: pauses the transfer

struct S3Request {
  S3Operation operation = S3Operation::get;
  std::string_view method = "GET";
  std::string key{};                   // whole, with the place's prefix; empty: the bucket itself
  std::string query{};                 // encoded
  std::vector<std::string> headers{};  // "x-amz-…: …"; signed
  S3Body body{};
  std::string payload_sha256{sha256_of_nothing};  // of the body, in hex; S3 holds the body to it
  std::optional<S3ByteRange> range{};
  bool probes_range = false;         // asks for the range also where S3 is not trusted with it
  std::uint64_t bytes_expected = 0;  // about so many come back: for the deadline
  /// Nobody knows how many: the deadline is put off for as long as bytes come.
  bool open_ended = false;
  bool slow = false;    // S3 may take minutes before it says a word
  bool urgent = false;  // one attempt, and asked even where S3 has not answered lately
  /// Gets the bytes of a success, those of the range in order and each once, however many attempts
  /// it takes; without it they are the answer's body.
  std::function<S3Taken(ByteSpan)> sink{};
};

struct S3Answer {
  int status = 0;
  std::string body{};
  std::string etag{};
  std::string date{};
  std::string last_modified{};
  std::string content_range{};
  std::string region{};  // x-amz-bucket-region
  std::optional<std::uint64_t> content_length{};
  std::optional<std::uint32_t> retry_after_s{};

  bool ok() const { return status >= 200 && status < 300; }
};

/// %XX for everything but RFC 3986's unreserved characters.
std::string url_encoded(std::string_view text);

}  // namespace calotype
