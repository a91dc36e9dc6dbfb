// SPDX-License-Identifier: Apache-2.0
// Where a bucket is and how it is spoken to.
//
//   s3://pictures/team-a?endpoint=http://127.0.0.1:9000&region=eu-central-1&style=path
//        bucket   prefix         without one: Amazon's             style: path or virtual
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace calotype {

/// What the URL says.
struct S3Place {
  std::string bucket;
  std::string prefix;    // "" or "team-a/": keys come right behind it
  std::string endpoint;  // "http://127.0.0.1:9000": scheme, host and port
  std::string region = "us-east-1";
  bool virtual_host = false;  // http://bucket.host/key instead of http://host/bucket/key

  /// "http://127.0.0.1:9000/pictures": a slash and a key follow.
  std::string base_url() const;
  /// Amazon's own, which needs no trying out.
  bool is_amazon() const;
};

struct S3Settings {
  S3Place place;
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // of temporary credentials; empty: none
  std::string ca_file;        // certificates to trust instead of the system's; empty: the system's
  std::string originals_class{};  // storage classes; empty: the bucket's own
  std::string variants_class{};   // of variants and proofs
  std::string folder;             // local: the spool and the cache
  std::uint64_t free_bytes_min = std::uint64_t{64} << 20;  // that the local files leave
  std::uint64_t cache_bytes_max = std::uint64_t{1} << 30;  // 0: no cache
  std::size_t connections_max = 128;
  std::size_t streams_max = 256;  // originals on their way to clients at the same moment
  std::uint32_t attempts_max = 5;
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::milliseconds stall_timeout{10'000};  // without a byte in either direction
  /// For a request with all its attempts; what moves many bytes gets a second more for each 256
  /// KiB.
  std::chrono::milliseconds request_timeout{30'000};
  std::uint64_t multipart_min = std::uint64_t{64} << 20;
  std::uint64_t part_bytes = std::uint64_t{16} << 20;
  std::size_t parts_at_once = 4;
  /// What is there already and as old as this is made young again when it is published once more.
  std::chrono::milliseconds renew_age{std::chrono::minutes{10}};

  /// bad_config, naming the setting.
  Result<void> validate() const;
};

/// bad_config with what is wrong; never repeats user information that stands in the URL.
Result<S3Place> parse_s3_url(std::string_view url);

}  // namespace calotype
