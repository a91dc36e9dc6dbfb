// SPDX-License-Identifier: Apache-2.0
// Uploads that come in parts. A lease is a row's lease_until in the future; whoever finds one there
// marks the row as wanted, which the holder sees when it next extends.
#include <format>
#include <utility>

#include "catalog/sql_catalog.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

constexpr std::string_view resumable_columns =
    "id, state, is_partial, received, total, hash_state, expected, file_name, uploader, tags, "
    "collection, fields, metadata, joined_from, asset_id, created_at, expires_at";

std::string_view to_string(ResumableState state) {
  switch (state) {
    case ResumableState::receiving:
      return "receiving";
    case ResumableState::finished:
      return "finished";
    case ResumableState::ended:
      return "ended";
  }
  std::unreachable();
}

std::optional<ResumableState> parse_resumable_state(std::string_view text) {
  for (const auto state :
       {ResumableState::receiving, ResumableState::finished, ResumableState::ended})
    if (to_string(state) == text) return state;
  return std::nullopt;
}

Result<ResumableUpload> read_resumable(const Row& row) {
  Columns columns(row);
  ResumableUpload upload;
  upload.id = columns.text();
  const auto state = parse_resumable_state(columns.view());
  if (!state) return bad_row("a resumable upload's state");
  upload.state = *state;
  upload.is_partial = columns.flag();
  upload.received = columns.integer<std::uint64_t>();
  const bool has_total = !columns.null();
  const auto total = columns.integer<std::uint64_t>();
  if (has_total) upload.total = total;
  const ByteSpan hash = columns.bytes();
  upload.hash_state.assign(hash.begin(), hash.end());
  upload.expected = Digest::from_bytes(columns.bytes());
  upload.file_name = columns.text();
  upload.uploader = columns.text();
  TRY(upload.tags, parse_column(columns.view()));
  upload.collection = columns.text();
  upload.fields_json = columns.text();
  upload.metadata = columns.text();
  upload.joined_from = columns.text();
  upload.asset_id = AssetId::parse(columns.view());
  upload.created_at = columns.time();
  upload.expires_at = columns.time();
  return upload;
}

std::unexpected<Error> no_such_upload(std::string_view id) {
  return fail(ErrorCode::upload_not_found, "There is no such upload.", std::string(id));
}

std::unexpected<Error> lost(const ResumableLease& lease) {
  return fail(ErrorCode::lease_lost, "Another request has taken the upload over.",
              std::format("upload {}, fence {}", lease.upload_id, lease.fence));
}

Result<void> read_parts(Connection& db, ResumableUpload& upload) {
  TRY(upload.parts,
      query_all(db, "SELECT name FROM resumable_part WHERE upload_id = $1 ORDER BY seq",
                {upload.id}, read_text));
  return {};
}

Result<std::optional<ResumableUpload>> find(Connection& db, std::string_view id) {
  static const std::string sql =
      std::format("SELECT {} FROM resumable_upload WHERE id = $1", resumable_columns);
  TRY(auto upload, query_one(db, sql, {id}, read_resumable));
  if (upload) TRY_VOID(read_parts(db, *upload));
  return upload;
}

Result<void> add_parts(Connection& db, std::string_view id, std::span<const std::string> names) {
  if (names.empty()) return {};
  TRY(const auto last,
      query_one(db, "SELECT COALESCE(MAX(seq), 0) FROM resumable_part WHERE upload_id = $1", {id},
                read_integer));
  std::int64_t seq = last.value_or(0);
  for (const std::string& name : names)
    TRY_VOID(db.execute("INSERT INTO resumable_part (upload_id, seq, name) VALUES ($1, $2, $3)",
                        {id, ++seq, name}));
  return {};
}

/// The end of an upload's bytes; its row stays.
Result<void> close_upload(Transaction& tx, const ResumableLease& lease, ResumableState state,
                          std::string_view asset_id) {
  TRY(const auto closed,
      tx.db.execute("UPDATE resumable_upload SET state = $1, asset_id = $2, lease_until = 0 "
                    "WHERE id = $3 AND fence = $4",
                    {to_string(state), asset_id.empty() ? Value(nullptr) : Value(asset_id),
                     lease.upload_id, lease.fence}));
  if (closed == 0) return lost(lease);
  TRY_VOID(tx.db.execute("DELETE FROM resumable_part WHERE upload_id = $1", {lease.upload_id}));
  return {};
}

}  // namespace

Result<void> SqlCatalog::create_resumable(const ResumableUpload& upload,
                                          std::chrono::milliseconds expires_in) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(tx.db.execute(
        "INSERT INTO resumable_upload (id, state, is_partial, received, total, hash_state, "
        "expected, file_name, uploader, tags, collection, fields, metadata, joined_from, asset_id, "
        "fence, lease_until, wanted, created_at, expires_at) VALUES "
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, 0, 0, $16, $17)",
        {upload.id, to_string(upload.state), upload.is_partial ? 1 : 0, upload.received,
         upload.total ? Value(*upload.total) : Value(nullptr), ByteSpan(upload.hash_state),
         upload.expected ? Value(ByteSpan(upload.expected->bytes)) : Value(nullptr),
         upload.file_name, upload.uploader, to_column(upload.tags), upload.collection,
         upload.fields_json, upload.metadata, upload.joined_from,
         upload.asset_id ? Value(upload.asset_id->text()) : Value(nullptr), tx.now,
         tx.now + expires_in}));
    return {};
  });
}

Result<ResumableUpload> SqlCatalog::find_resumable(std::string_view id) {
  return read([&](Connection& db) -> Result<ResumableUpload> {
    TRY(auto upload, find(db, id));
    if (!upload) return no_such_upload(id);
    return *std::move(upload);
  });
}

Result<std::variant<ResumableUploadCatalog::Claimed, ResumableUploadCatalog::Held>>
SqlCatalog::claim_resumable(std::string_view id, std::chrono::milliseconds lease) {
  using Outcome = Result<std::variant<Claimed, Held>>;
  return write(Durability::relaxed, [&](Transaction& tx) -> Outcome {
    TRY(const auto fence,
        query_one(tx.db,
                  "UPDATE resumable_upload SET fence = fence + 1, lease_until = $1, wanted = 0 "
                  "WHERE id = $2 AND lease_until <= $3 RETURNING fence",
                  {tx.now + lease, id, tx.now}, read_integer));
    if (!fence) {
      TRY(const auto told,
          tx.db.execute("UPDATE resumable_upload SET wanted = 1 WHERE id = $1", {id}));
      if (told == 0) return no_such_upload(id);
      return Held{};
    }
    TRY(auto upload, find(tx.db, id));
    if (!upload) return bad_row("a resumable upload that was just claimed");
    return Claimed{*std::move(upload), {std::string(id), *fence}};
  });
}

Result<bool> SqlCatalog::extend_resumable(const ResumableLease& lease,
                                          std::chrono::milliseconds by) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<bool> {
    TRY(const auto wanted,
        query_one(tx.db,
                  "UPDATE resumable_upload SET lease_until = $1 WHERE id = $2 AND fence = $3 "
                  "AND lease_until > 0 RETURNING wanted",
                  {tx.now + by, lease.upload_id, lease.fence}, read_integer));
    if (!wanted) return lost(lease);
    return *wanted != 0;
  });
}

Result<void> SqlCatalog::release_resumable(const ResumableLease& lease) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(
        tx.db.execute("UPDATE resumable_upload SET lease_until = 0 WHERE id = $1 AND fence = $2",
                      {lease.upload_id, lease.fence}));
    return {};
  });
}

Result<void> SqlCatalog::advance_resumable(const ResumableLease& lease,
                                           const ResumableProgress& progress,
                                           std::chrono::milliseconds expires_in) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(const auto advanced,
        tx.db.execute(
            "UPDATE resumable_upload SET received = $1, total = $2, hash_state = $3, "
            "expires_at = $4 WHERE id = $5 AND fence = $6 AND state = 'receiving'",
            {progress.received, progress.total ? Value(*progress.total) : Value(nullptr),
             ByteSpan(progress.hash_state), tx.now + expires_in, lease.upload_id, lease.fence}));
    if (advanced == 0) return lost(lease);
    return add_parts(tx.db, lease.upload_id, progress.new_parts);
  });
}

Result<void> SqlCatalog::finish_resumable(const ResumableLease& lease, const AssetId& asset) {
  return write(Durability::durable, [&](Transaction& tx) {
    return close_upload(tx, lease, ResumableState::finished, asset.text());
  });
}

Result<void> SqlCatalog::end_resumable(const ResumableLease& lease) {
  return write(Durability::durable,
               [&](Transaction& tx) { return close_upload(tx, lease, ResumableState::ended, {}); });
}

Result<std::vector<std::string>> SqlCatalog::expired_resumables(std::size_t limit) {
  return read([&](Connection& db) {
    return query_all(db,
                     "SELECT id FROM resumable_upload WHERE state = 'receiving' "
                     "AND expires_at <= $1 AND lease_until <= $2 ORDER BY expires_at LIMIT $3",
                     {clock_.now(), clock_.now(), limit}, read_text);
  });
}

Result<std::vector<std::string>> SqlCatalog::outdated_resumables(std::chrono::milliseconds kept_for,
                                                                 std::size_t limit) {
  return read([&](Connection& db) {
    return query_all(db,
                     "SELECT id FROM resumable_upload WHERE state <> 'receiving' "
                     "AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
                     {clock_.now() - kept_for, limit}, read_text);
  });
}

Result<void> SqlCatalog::forget_resumable(std::string_view id) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(tx.db.execute("DELETE FROM resumable_part WHERE upload_id = $1", {id}));
    TRY_VOID(tx.db.execute("DELETE FROM resumable_upload WHERE id = $1", {id}));
    return {};
  });
}

}  // namespace calotype
