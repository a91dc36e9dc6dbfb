// SPDX-License-Identifier: Apache-2.0
// Moves all that is kept from one catalog and store to another: marks the target, copies the blobs,
// copies the rows, then reads everything back and compares. The source is only read. Blobs are
// copied before rows, so a target never names bytes that it has not.
//
// Killed at any instant it goes on where it was when it is run again: a blob that is there is not
// copied again, a table goes on behind its last row. What the source changed in between shows in
// the comparison, and what differs is made anew.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <stop_token>

#include "blobs/blob_store.hpp"
#include "catalog/catalog_tables.hpp"

namespace calotype {

class MigrateStore {
 public:
  enum class Step : std::uint8_t { copy_blobs, copy_rows, check_rows, check_blobs };
  struct Progress {
    Step step = Step::copy_blobs;
    std::uint64_t done = 0;   // blobs or rows
    std::uint64_t total = 0;  // of them
    std::uint64_t bytes = 0;  // of the blobs done
  };

  /// Null where that part stays where it is.
  struct Ends {
    CatalogTables* from_tables = nullptr;  // never null
    CatalogTables* to_tables = nullptr;
    BlobStore* from_blobs = nullptr;  // never null
    BlobStore* to_blobs = nullptr;
  };
  struct Options {
    std::string source;         // what the target's mark says; the same when it is run again
    bool skip_damaged = false;  // go on without blobs whose source is missing or damaged
    std::size_t copies_at_once = 8;
  };
  struct Report {
    std::uint64_t blobs = 0;
    std::uint64_t bytes = 0;
    std::uint64_t blobs_copied = 0;  // by this run
    std::uint64_t rows = 0;
    std::uint64_t rows_copied = 0;
    bool resumed = false;
    std::set<std::string> damaged;  // keys that the source lacks or has with other bytes
  };

  /// All of them outlive it. `progress` is called from several threads, one at a time.
  MigrateStore(Ends ends, Options options, std::function<void(const Progress&)> progress);

  /// bad_config where the target holds something else; blob_corrupt where blobs are damaged
  /// in the source (unless they are skipped), and then all else is copied and the target stays
  /// marked; cancelled. On success every blob and every row of the target was read and compared.
  Result<Report> run(const std::stop_token& stop);

 private:
  using Entries = std::vector<BlobEntry>;
  Result<void> claim_target();
  Result<Entries> list_all(BlobStore& store);
  Result<void> copy_blobs(const std::stop_token& stop);
  Result<void> copy_blob(const BlobEntry& entry);
  Result<void> remove_strangers(const Entries& source, const Entries& target);
  Result<void> copy_rows(const std::stop_token& stop);
  Result<void> copy_table(std::string_view table, const std::stop_token& stop);
  Result<bool> rows_agree(const std::stop_token& stop);
  Result<RowsDigest> digest_rows(CatalogTables& tables, std::string_view table,
                                 const std::stop_token& stop);
  Result<void> check_blobs(const std::stop_token& stop);
  Result<bool> has_its_hash(BlobStore& store, const BlobKey& key);
  Result<void> check_blob(const BlobEntry& entry);
  Result<void> check_names(std::string_view table, const Entries& entries,
                           const std::stop_token& stop);
  Result<void> for_each(const Entries& entries, const std::stop_token& stop,
                        const std::function<Result<void>(const BlobEntry&)>& work);
  void note_damaged(const std::string& key);
  void begin(Step step, std::uint64_t total);
  void note(std::uint64_t done, std::uint64_t bytes);

  const Ends ends_;
  const Options options_;
  const std::function<void(const Progress&)> tell_;
  std::mutex mutex_;  // of the two below
  Progress progress_;
  Report report_;
};

}  // namespace calotype
