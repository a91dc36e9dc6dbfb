// SPDX-License-Identifier: Apache-2.0
#include "pipeline/migrate.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <format>
#include <thread>

namespace calotype {
namespace {

constexpr std::size_t list_page = 1000;
constexpr std::size_t row_page = 1024;
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
constexpr std::array prefixes = {"proofs/", "raw/", "variants/"};

bool before(const BlobEntry& a, const BlobEntry& b) {
  return a.key < b.key;
}

std::unexpected<Error> not_empty(std::string_view what) {
  return fail(ErrorCode::bad_config,
              std::format("The target {} Nothing was changed. Choose an empty one.", what));
}

std::unexpected<Error> stopped() {
  return fail(ErrorCode::cancelled, "Stopped. Run it again, and it goes on from here.");
}

/// Gives the blob's bytes to `take`, and says whether they are whole and have the key's hash.
Result<bool> read_through(const Blob& blob, const BlobKey& key,
                          const std::function<Result<void>(ByteSpan)>& take) {
  std::vector<std::byte> buffer(std::min<std::uint64_t>(chunk_bytes, blob.bytes + 1));
  Sha256 hash;
  for (std::uint64_t at = 0; at < blob.bytes;) {
    const ssize_t got =
        ::pread(blob.file->get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(ErrorCode::storage_failed, "A blob cannot be read.", errno);
    if (got == 0) return false;
    const ByteSpan part(buffer.data(), static_cast<std::size_t>(got));
    hash.update(part);
    TRY_VOID(take(part));
    at += part.size();
  }
  return hash.finish() == key.digest();
}

}  // namespace

MigrateStore::MigrateStore(Ends ends, Options options,
                           std::function<void(const Progress&)> progress)
    : ends_(ends), options_(std::move(options)), tell_(std::move(progress)) {
  require(ends_.from_tables != nullptr && ends_.from_blobs != nullptr, "there is a source");
}

Result<MigrateStore::Report> MigrateStore::run(const std::stop_token& stop) {
  TRY_VOID(claim_target());
  if (ends_.to_blobs != nullptr) TRY_VOID(copy_blobs(stop));
  if (ends_.to_tables != nullptr) TRY_VOID(copy_rows(stop));
  TRY_VOID(check_blobs(stop));
  TRY_VOID(ends_.from_tables->check_sole_use());
  if (ends_.to_tables != nullptr) {
    TRY_VOID(ends_.to_tables->check_sole_use());
    TRY_VOID(ends_.to_tables->end_filling());
  }
  return std::move(report_);
}

/// The target is ours: new and empty, or begun by an earlier run of the same move.
Result<void> MigrateStore::claim_target() {
  TRY(const auto half, ends_.from_tables->filled_from());
  if (half)
    return fail(ErrorCode::catalog_failed,
                std::format("The source is itself only half filled, from {}.", *half));
  if (ends_.to_tables == nullptr) return {};
  TRY(const auto source, ends_.to_tables->filled_from());
  if (source && *source != options_.source)
    return not_empty(std::format("catalog is being filled from {}.", *source));
  report_.resumed = source.has_value();
  if (source) return {};
  TRY(const bool empty, ends_.to_tables->is_empty());
  if (!empty) return not_empty("catalog holds assets, keys or jobs already.");
  if (ends_.to_blobs != nullptr) {
    for (const auto* prefix : prefixes) {
      TRY(const auto found, ends_.to_blobs->list(prefix, "", 1));
      if (!found.empty())
        return not_empty(
            std::format("store holds blobs already, {} for one.", found.front().key.text()));
    }
  }
  return ends_.to_tables->begin_filling(options_.source);
}

Result<MigrateStore::Entries> MigrateStore::list_all(BlobStore& store) {
  Entries all;
  for (const auto* prefix : prefixes) {
    std::string after;
    for (;;) {
      TRY(auto page, store.list(prefix, after, list_page));
      if (page.empty()) break;
      after = page.back().key.text();
      std::ranges::move(page, std::back_inserter(all));
    }
  }
  std::ranges::sort(all, before);
  return all;
}

Result<void> MigrateStore::copy_blobs(const std::stop_token& stop) {
  TRY(const Entries source, list_all(*ends_.from_blobs));
  TRY(const Entries target, list_all(*ends_.to_blobs));
  TRY_VOID(remove_strangers(source, target));
  begin(Step::copy_blobs, source.size());
  Entries missing;
  for (const BlobEntry& entry : source) {
    const auto there = std::ranges::lower_bound(target, entry, before);
    const bool is_there =
        there != target.end() && there->key == entry.key && there->bytes == entry.bytes;
    if (is_there)
      note(1, entry.bytes);
    else
      missing.push_back(entry);
  }
  return for_each(missing, stop, [&](const BlobEntry& entry) -> Result<void> {
    TRY_VOID(copy_blob(entry));
    note(1, entry.bytes);
    return {};
  });
}

/// What the target has and the source has not: left by an earlier run, where it is marked as ours;
/// somebody else's, where only blobs are moved and nothing is marked.
Result<void> MigrateStore::remove_strangers(const Entries& source, const Entries& target) {
  Entries strangers;
  std::ranges::set_difference(target, source, std::back_inserter(strangers), before);
  if (ends_.to_tables == nullptr && !strangers.empty())
    return not_empty(std::format("store holds blobs that the source has not, {} for one.",
                                 strangers.front().key.text()));
  for (const BlobEntry& entry : strangers) TRY_VOID(ends_.to_blobs->remove(entry.key));
  return {};
}

/// Never publishes bytes that differ from their hash.
Result<void> MigrateStore::copy_blob(const BlobEntry& entry) {
  auto blob = ends_.from_blobs->open(entry.key);
  if (!blob && blob.error().code == ErrorCode::blob_not_found) return {};  // found by the check
  if (!blob) return std::unexpected(blob.error());
  TRY(const auto file, ends_.to_blobs->spool());
  TRY(const bool whole,
      read_through(*blob, entry.key, [&](ByteSpan part) { return file->append(part); }));
  if (!whole) {
    note_damaged(entry.key.text());
    return {};
  }
  TRY_VOID(ends_.to_blobs->publish(*file, entry.key));
  const std::lock_guard lock(mutex_);
  ++report_.blobs_copied;
  return {};
}

Result<void> MigrateStore::copy_rows(const std::stop_token& stop) {
  std::uint64_t total = 0;
  for (const auto table : ends_.from_tables->tables()) {
    TRY(const auto rows, ends_.from_tables->count(table));
    total += rows;
  }
  for (int attempt = 0; attempt < 2; ++attempt) {
    begin(Step::copy_rows, total);
    for (const auto table : ends_.from_tables->tables()) TRY_VOID(copy_table(table, stop));
    begin(Step::check_rows, 2 * total);
    TRY(const bool agree, rows_agree(stop));
    if (agree) return {};
    // Rows of an earlier run that the source has changed since, or an order of keys in which the
    // two engines differ: once more, from nothing.
    if (attempt == 0) TRY_VOID(ends_.to_tables->remove_all_rows());
  }
  return fail(ErrorCode::catalog_failed,
              "The rows that were moved differ from the source's. Is something writing to it?");
}

Result<void> MigrateStore::copy_table(std::string_view table, const std::stop_token& stop) {
  TRY(Cells after, ends_.to_tables->last_key(table));
  if (!after.empty()) {
    TRY(const auto there, ends_.to_tables->count(table));
    note(there, 0);
  }
  for (;;) {
    if (stop.stop_requested()) return stopped();
    TRY(const auto rows, ends_.from_tables->rows_after(table, after, row_page));
    if (rows.empty()) return {};
    TRY_VOID(ends_.to_tables->insert(table, rows));
    after = ends_.from_tables->key_of(table, rows.back());
    report_.rows_copied += rows.size();
    note(rows.size(), 0);
  }
}

Result<bool> MigrateStore::rows_agree(const std::stop_token& stop) {
  report_.rows = 0;
  for (const auto table : ends_.from_tables->tables()) {
    TRY(const RowsDigest source, digest_rows(*ends_.from_tables, table, stop));
    TRY(const RowsDigest target, digest_rows(*ends_.to_tables, table, stop));
    if (source != target) return false;
    report_.rows += target.rows;
  }
  return true;
}

Result<RowsDigest> MigrateStore::digest_rows(CatalogTables& tables, std::string_view table,
                                             const std::stop_token& stop) {
  RowsDigest digest;
  Cells after;
  for (;;) {
    if (stop.stop_requested()) return stopped();
    TRY(const auto rows, tables.rows_after(table, after, row_page));
    if (rows.empty()) return digest;
    for (const Cells& row : rows) digest.add(row);
    after = tables.key_of(table, rows.back());
    note(rows.size(), 0);
  }
}

/// Reads every blob where it is to be from now on, and looks for those that rows name.
Result<void> MigrateStore::check_blobs(const std::stop_token& stop) {
  BlobStore& store = ends_.to_blobs != nullptr ? *ends_.to_blobs : *ends_.from_blobs;
  TRY(const Entries entries, list_all(store));
  begin(Step::check_blobs, entries.size());
  TRY_VOID(for_each(entries, stop, [&](const BlobEntry& entry) { return check_blob(entry); }));
  report_.blobs = entries.size();
  report_.bytes = progress_.bytes;
  for (const auto table : ends_.from_tables->tables())
    if (ends_.from_tables->names_blobs(table)) TRY_VOID(check_names(table, entries, stop));
  if (report_.damaged.empty() || options_.skip_damaged) return {};
  return fail(ErrorCode::blob_corrupt,
              std::format("{} blobs are missing from the source or damaged there, {} for one. "
                          "Delete their assets, or move without them by --skip-damaged.",
                          report_.damaged.size(), *report_.damaged.begin()));
}

/// One that was damaged on its way, or lay there, is copied again.
Result<void> MigrateStore::check_blob(const BlobEntry& entry) {
  BlobStore& store = ends_.to_blobs != nullptr ? *ends_.to_blobs : *ends_.from_blobs;
  TRY(bool good, has_its_hash(store, entry.key));
  if (!good && ends_.to_blobs != nullptr) {
    TRY_VOID(store.remove(entry.key));
    TRY_VOID(copy_blob(entry));
    TRY(good, has_its_hash(store, entry.key));
  }
  if (!good) note_damaged(entry.key.text());
  note(1, entry.bytes);
  return {};
}

Result<bool> MigrateStore::has_its_hash(BlobStore& store, const BlobKey& key) {
  const auto blob = store.open(key);
  if (!blob && blob.error().code == ErrorCode::blob_not_found) return false;
  if (!blob) return std::unexpected(blob.error());
  return read_through(*blob, key, [](ByteSpan) -> Result<void> { return {}; });
}

Result<void> MigrateStore::check_names(std::string_view table, const Entries& entries,
                                       const std::stop_token& stop) {
  const auto check = [&](const std::string& key) {
    const auto found = std::ranges::lower_bound(
        entries, key, {},
        [](const BlobEntry& entry) -> const std::string& { return entry.key.text(); });
    if (found == entries.end() || found->key.text() != key) note_damaged(key);
  };
  Cells after;
  for (;;) {
    if (stop.stop_requested()) return stopped();
    TRY(const auto rows, ends_.from_tables->rows_after(table, after, row_page));
    if (rows.empty()) return {};
    for (const Cells& row : rows) {
      const NamedBlob named = ends_.from_tables->blob_of(table, row);
      if (const auto* digest = std::get_if<Digest>(&named))
        check(BlobKey::original(*digest).text());
      if (const auto* key = std::get_if<std::string>(&named)) check(*key);
    }
    after = ends_.from_tables->key_of(table, rows.back());
  }
}

/// On several threads, since a store far away answers each of them after a while; the first failure
/// ends all.
Result<void> MigrateStore::for_each(const Entries& entries, const std::stop_token& stop,
                                    const std::function<Result<void>(const BlobEntry&)>& work) {
  std::atomic<std::size_t> next = 0;
  std::mutex failed_mutex;
  std::optional<Error> failed;
  const auto run = [&] {
    for (std::size_t i = next++; i < entries.size(); i = next++) {
      const Result<void> done = stop.stop_requested() ? Result<void>(stopped()) : work(entries[i]);
      if (done) continue;
      next = entries.size();
      const std::lock_guard lock(failed_mutex);
      if (!failed) failed = done.error();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(options_.copies_at_once, entries.size()); ++i)
      threads.emplace_back(run);
  }
  if (failed) return std::unexpected(*std::move(failed));
  return {};
}

void MigrateStore::note_damaged(const std::string& key) {
  const std::lock_guard lock(mutex_);
  report_.damaged.insert(key);
}

void MigrateStore::begin(Step step, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  progress_ = {.step = step, .done = 0, .total = total, .bytes = 0};
  tell_(progress_);
}

void MigrateStore::note(std::uint64_t done, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  progress_.done += done;
  progress_.bytes += bytes;
  tell_(progress_);
}

}  // namespace calotype
