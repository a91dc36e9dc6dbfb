// SPDX-License-Identifier: Apache-2.0
// Rows to values: each list of columns stands beside the function that reads it in that order.
#pragma once

#include <array>
#include <span>

#include "catalog/database.hpp"
#include "catalog/rows.hpp"

namespace calotype {

/// Of "asset a LEFT JOIN media m": see `asset_source`.
inline constexpr std::string_view asset_columns =
    "a.asset_no, a.id, a.digest, a.bytes, a.state, a.failure_code, a.failure_message, "
    "a.created_at, a.updated_at, a.focal_x, a.focal_y, "
    "m.media_type, m.renderable, m.width, m.height, m.orientation, m.bits_per_channel, "
    "m.channels, m.has_alpha, m.has_gain_map, m.pages, m.color_space, m.icc_profile, "
    "m.placeholder, m.metadata_json, m.proof_key, m.proof_bytes, m.proof_width, m.proof_height";
inline constexpr std::string_view asset_source = "asset a LEFT JOIN media m USING (asset_no)";
struct NumberedAsset {
  std::int64_t no = 0;
  AssetRow row;
};
Result<NumberedAsset> read_numbered_asset(const Row& row);
Result<AssetRow> read_asset(const Row& row);

/// Of "variant v JOIN asset a".
inline constexpr std::string_view variant_columns =
    "a.id, v.recipe, v.version, v.blob_key, v.digest, v.bytes, v.width, v.height, v.media_type, "
    "v.created_at, v.last_access_at, v.accesses";
Result<VariantRow> read_variant(const Row& row);

inline constexpr std::string_view job_columns =
    "id, kind, key, asset_id, state, attempts, fence, run_after, due_at, last_error, created_at";
Result<Job> read_job(const Row& row);

inline constexpr std::string_view upload_columns =
    "a.id, u.id, u.file_name, u.uploader, u.tags, u.collection, u.fields, u.created_at";
Result<UploadRow> read_upload(const Row& row);

inline constexpr std::string_view event_columns =
    "e.seq, e.from_state, e.to_state, e.because, e.at";
Result<EventRow> read_event(const Row& row);

inline constexpr std::string_view key_columns = "id, name, scopes, created_at";
Result<ApiKeyRow> read_key(const Row& row);

Result<std::int64_t> read_integer(const Row& row);
Result<std::string> read_text(const Row& row);
Result<AssetId> read_asset_id(const Row& row);

/// The error for a value that no schema lets in.
std::unexpected<Error> bad_row(std::string_view what);

/// Texts in one column, as a JSON array.
std::string to_column(std::span<const std::string> texts);
Result<std::vector<std::string>> parse_column(std::string_view json);

}  // namespace calotype
