// SPDX-License-Identifier: Apache-2.0
// The composition of `calotype migrate-store`: both ends opened, neither in anybody's use.
#include "app.hpp"
#include "base/folder_lock.hpp"
#include "base/metrics.hpp"
#include "base/stop_on_signal.hpp"
#include "base/url.hpp"

namespace calotype {
namespace {

/// The same for two spellings of one place ("sqlite:./data/catalog.db" and
/// "sqlite:data/catalog.db"), and without a password, since the target keeps and shows it.
std::string canonical(const std::string& url) {
  constexpr std::string_view scheme = "sqlite:";
  if (!url.starts_with(scheme)) return without_password(url);
  std::error_code error;
  const auto path = std::filesystem::weakly_canonical(url.substr(scheme.size()), error);
  return std::string(scheme) + (error ? url.substr(scheme.size()) : path.string());
}

/// A source that is not there must not be made.
Result<void> check_source(const std::string& url) {
  constexpr std::string_view scheme = "sqlite:";
  if (!url.starts_with(scheme)) return {};
  const auto path = url.substr(scheme.size());
  if (std::filesystem::exists(path)) return {};
  return fail(ErrorCode::bad_config, "There is nothing to move: " + path + " does not exist.");
}

Result<std::vector<UniqueFd>> lock_both(const AppSettings& from, const AppSettings& to) {
  std::vector<UniqueFd> locks;
  TRY(auto source, lock_folder(from.data, "A server or another migrate-store is using " +
                                              from.data.string() + ". Stop it first."));
  locks.push_back(std::move(source));
  std::error_code error;
  if (std::filesystem::equivalent(from.data, to.data, error)) return locks;
  TRY(auto target, lock_folder(to.data, "A server is using the target, " + to.data.string() +
                                            ". Stop it first."));
  locks.push_back(std::move(target));
  return locks;
}

/// Nothing is read twice, and both ends may be S3 with one data folder between them.
BlobSettings for_a_move(BlobSettings settings, std::string_view end) {
  if (auto* const s3 = std::get_if<S3Settings>(&settings)) {
    s3->cache_bytes_max = 0;
    s3->folder += "-" + std::string(end);
  }
  return settings;
}

}  // namespace

Result<MigrateStore::Report> migrate_store(
    const AppSettings& from, const AppSettings& to, bool skip_damaged,
    std::function<void(const MigrateStore::Progress&)> tell) {
  const bool moves_catalog = canonical(from.catalog.url) != canonical(to.catalog.url);
  const bool moves_blobs = place_of(from.blobs) != place_of(to.blobs);
  if (!moves_catalog && !moves_blobs)
    return fail(ErrorCode::bad_config,
                "Catalog and blobs are there already. Say where to, for example by --to "
                "catalog=postgresql://… --to blobs=s3://….");
  TRY_VOID(check_source(from.catalog.url));
  const StopOnSignal signals;  // before the catalogs and stores, whose threads are to inherit it
  TRY(const auto locks, lock_both(from, to));
  const SystemClock clock;
  TRY(const auto from_tables, open_tables(from.catalog, clock));
  Metrics metrics;
  TRY(const auto from_blobs, open_blobs(for_a_move(from.blobs, "from"), clock, metrics));
  std::unique_ptr<CatalogTables> to_tables;
  std::unique_ptr<BlobStore> to_blobs;
  if (moves_catalog) {
    TRY(to_tables, open_tables(to.catalog, clock));
  }
  if (moves_blobs) {
    TRY(to_blobs, open_blobs(for_a_move(to.blobs, "to"), clock, metrics));
  }
  MigrateStore move({.from_tables = from_tables.get(),
                     .to_tables = to_tables.get(),
                     .from_blobs = from_blobs.get(),
                     .to_blobs = to_blobs.get()},
                    {.source = canonical(from.catalog.url), .skip_damaged = skip_damaged},
                    std::move(tell));
  return move.run(signals.token());
}

}  // namespace calotype
