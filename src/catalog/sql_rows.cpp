// SPDX-License-Identifier: Apache-2.0
#include "catalog/sql_rows.hpp"

#include <format>

namespace calotype {
namespace {

MediaInfo read_media(Columns& columns) {
  MediaInfo media;
  media.media_type = columns.text();
  media.renderable = columns.flag();
  media.width = columns.integer<std::uint32_t>();
  media.height = columns.integer<std::uint32_t>();
  media.orientation = columns.integer<std::uint8_t>();
  media.bits_per_channel = columns.integer<std::uint8_t>();
  media.channels = columns.integer<std::uint8_t>();
  media.has_alpha = columns.flag();
  media.has_gain_map = columns.flag();
  media.pages = columns.integer<std::uint32_t>();
  media.color_space = columns.text();
  media.icc_profile = columns.text();
  media.placeholder = columns.text();
  media.metadata_json = columns.text();
  return media;
}

std::optional<FocalPoint> read_focal_point(Columns& columns) {
  if (columns.null()) {
    columns.skip(2);
    return std::nullopt;
  }
  const auto x = columns.integer<std::uint16_t>();
  const auto y = columns.integer<std::uint16_t>();
  return FocalPoint{x, y};
}

Proof read_proof(Columns& columns) {
  Proof proof;
  proof.blob_key = columns.text();
  proof.bytes = columns.integer<std::uint64_t>();
  proof.width = columns.integer<std::uint32_t>();
  proof.height = columns.integer<std::uint32_t>();
  return proof;
}

}  // namespace

std::unexpected<Error> bad_row(std::string_view what) {
  return fail(ErrorCode::catalog_failed, "The catalog holds a value that makes no sense.",
              std::format("not {}", what));
}

Result<NumberedAsset> read_numbered_asset(const Row& row) {
  Columns columns(row);
  const auto no = columns.integer();
  const auto id = AssetId::parse(columns.view());
  const auto digest = Digest::from_bytes(columns.bytes());
  if (!id || !digest) return bad_row("an asset's name");
  NumberedAsset asset{no, AssetRow{.id = *id,
                                   .digest = *digest,
                                   .bytes = columns.integer<std::uint64_t>(),
                                   .state = {},
                                   .media = {},
                                   .proof = std::nullopt,
                                   .focal_point = std::nullopt,
                                   .failure_code = {},
                                   .failure_message = {},
                                   .created_at = {},
                                   .updated_at = {}}};
  const auto state = parse_asset_state(columns.view());
  if (!state) return bad_row("an asset's state");
  asset.row.state = *state;
  asset.row.failure_code = columns.text();
  asset.row.failure_message = columns.text();
  asset.row.created_at = columns.time();
  asset.row.updated_at = columns.time();
  asset.row.focal_point = read_focal_point(columns);
  if (columns.null()) return asset;
  asset.row.media = read_media(columns);
  if (!columns.null()) asset.row.proof = read_proof(columns);
  return asset;
}

Result<AssetRow> read_asset(const Row& row) {
  TRY(auto asset, read_numbered_asset(row));
  return std::move(asset.row);
}

Result<VariantRow> read_variant(const Row& row) {
  Columns columns(row);
  const auto id = AssetId::parse(columns.view());
  if (!id) return bad_row("an asset's id");
  std::string recipe = columns.text();
  std::string version = columns.text();
  std::string blob_key = columns.text();
  const auto digest = Digest::from_bytes(columns.bytes());
  if (!digest) return bad_row("a variant's digest");
  VariantRow variant{.key = {*id, std::move(recipe), std::move(version)},
                     .blob_key = std::move(blob_key),
                     .digest = *digest,
                     .bytes = columns.integer<std::uint64_t>(),
                     .width = 0,
                     .height = 0,
                     .media_type = {},
                     .created_at = {},
                     .last_access_at = {},
                     .accesses = 0};
  variant.width = columns.integer<std::uint32_t>();
  variant.height = columns.integer<std::uint32_t>();
  variant.media_type = columns.text();
  variant.created_at = columns.time();
  variant.last_access_at = columns.time();
  variant.accesses = columns.integer<std::uint64_t>();
  return variant;
}

Result<Job> read_job(const Row& row) {
  Columns columns(row);
  Job job;
  job.id = columns.text();
  const auto kind = parse_job_kind(columns.view());
  job.key = columns.text();
  job.asset_id = columns.text();
  const auto state = parse_job_state(columns.view());
  if (!kind || !state) return bad_row("a job's kind or state");
  job.kind = *kind;
  job.state = *state;
  job.attempts = columns.integer<int>();
  job.fence = columns.integer();
  job.run_after = columns.time();
  const Timestamp due = columns.time();
  if (job.state == JobState::running) job.lease_until = due;
  job.last_error = columns.text();
  job.created_at = columns.time();
  return job;
}

Result<UploadRow> read_upload(const Row& row) {
  Columns columns(row);
  const auto id = AssetId::parse(columns.view());
  if (!id) return bad_row("an asset's id");
  UploadRow upload{.id = columns.text(),
                   .asset_id = *id,
                   .file_name = {},
                   .uploader = {},
                   .tags = {},
                   .collection = {},
                   .fields_json = {},
                   .created_at = {}};
  upload.file_name = columns.text();
  upload.uploader = columns.text();
  TRY(upload.tags, parse_column(columns.view()));
  upload.collection = columns.text();
  upload.fields_json = columns.text();
  upload.created_at = columns.time();
  return upload;
}

Result<EventRow> read_event(const Row& row) {
  Columns columns(row);
  EventRow event;
  event.seq = columns.integer();
  const bool first = columns.null();
  event.from = parse_asset_state(columns.view());
  const auto to = parse_asset_state(columns.view());
  if (!to || first == event.from.has_value()) return bad_row("an event's states");
  event.to = *to;
  event.because = columns.text();
  event.at = columns.time();
  return event;
}

Result<ApiKeyRow> read_key(const Row& row) {
  Columns columns(row);
  ApiKeyRow key;
  key.id = columns.text();
  key.name = columns.text();
  TRY(key.scopes, parse_column(columns.view()));
  key.created_at = columns.time();
  return key;
}

Result<std::int64_t> read_integer(const Row& row) {
  return row.integer(0);
}
Result<std::string> read_text(const Row& row) {
  return std::string(row.text(0));
}

Result<AssetId> read_asset_id(const Row& row) {
  const auto id = AssetId::parse(row.text(0));
  if (!id) return bad_row("an asset's id");
  return *id;
}

}  // namespace calotype
