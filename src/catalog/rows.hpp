// SPDX-License-Identifier: Apache-2.0
// What the catalog hands out: plain values, copies of rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "asset/asset_id.hpp"
#include "asset/job.hpp"
#include "asset/media.hpp"
#include "asset/state.hpp"
#include "base/clock.hpp"

namespace calotype {

using SharedSecret = std::array<std::byte, 32>;

struct NewUpload {
  Digest digest;
  std::uint64_t bytes = 0;
  std::string file_name;
  std::string uploader;
  std::vector<std::string> tags;
  std::string collection{};   // empty: none
  std::string fields_json{};  // what the uploader says of it: a JSON object; empty: nothing
};

struct AssetRow {
  AssetId id;
  Digest digest;
  std::uint64_t bytes = 0;
  AssetState state = AssetState::ingested;
  MediaInfo media;  // meaningful from METADATA_READY on
  std::optional<Proof> proof;
  std::optional<FocalPoint> focal_point;  // what every crop keeps, where somebody has said so
  std::string failure_code;               // METADATA_FAILED only
  std::string failure_message;
  Timestamp created_at{};
  Timestamp updated_at{};
};

struct UploadRow {
  std::string id;
  AssetId asset_id;
  std::string file_name;
  std::string uploader;
  std::vector<std::string> tags;
  std::string collection{};
  std::string fields_json{};
  Timestamp created_at{};
};

struct EventRow {
  std::int64_t seq = 0;  // 1, 2, 3 … within one asset
  std::optional<AssetState> from;
  AssetState to = AssetState::ingested;
  std::string because;
  Timestamp at{};
};

struct VariantKey {
  AssetId asset_id;
  std::string recipe;  // canonical, with its format
  std::string version;
  auto operator<=>(const VariantKey&) const = default;
};

/// "{asset id} {version} {recipe}", and back; nothing where it is none.
std::string name_of(const VariantKey& key);
std::optional<VariantKey> parse_variant_name(std::string_view name);
/// A render job's key, "render:" and the variant's name, and back.
std::string render_job_key(const VariantKey& key);
std::optional<VariantKey> parse_render_job_key(std::string_view text);

struct VariantRow {
  VariantKey key;
  std::string blob_key;
  Digest digest;  // of its bytes: the strong ETag
  std::uint64_t bytes = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::string media_type;
  Timestamp created_at{};
  Timestamp last_access_at{};
  std::uint64_t accesses = 0;  // about as often as it was served; written down once a minute
};

struct Deletion {
  AssetId asset_id;
  Timestamp at{};
};

/// What is known of some content before its bytes are published; see Catalog::record_published.
struct Presence {
  bool stored = false;           // an asset that is not deleted has these bytes
  std::int64_t purge_epoch = 0;  // how often its bytes have been purged
};

struct Recorded {
  AssetRow asset;
  std::string upload_id;
  bool created = false;  // false: the asset was there before
};

/// A job, or a variant's render, under lease.
struct JobLease {
  std::string job_id;
  std::int64_t fence = 0;
};
struct VariantLease {
  VariantKey key;
  std::int64_t fence = 0;
};

struct ApiKeyRow {
  std::string id;
  std::string name;
  std::vector<std::string> scopes;  // "read", "write", "admin"
  Timestamp created_at{};
};

struct AssetFilter {
  std::optional<AssetState> state;  // nothing: all but DELETED
};
struct JobFilter {
  std::optional<JobState> state;
};

/// A page in a stable order; `next` is opaque, empty at the end.
template <class Row>
struct Page {
  std::vector<Row> rows;
  std::string next;
};

struct JobCount {
  Lane lane;
  JobState state;
  std::uint64_t count = 0;
};

}  // namespace calotype
