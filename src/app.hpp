// SPDX-License-Identifier: Apache-2.0
// The program as a whole: what it is made of, and how to run it, as a server or as a worker.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "asset/preset.hpp"
#include "blobs/open_blobs.hpp"
#include "cache/open_cache.hpp"
#include "catalog/open_catalog.hpp"
#include "fetch/url_fetcher.hpp"
#include "http/server.hpp"
#include "jobs/runner.hpp"
#include "pipeline/deletions.hpp"
#include "pipeline/deliver.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/migrate.hpp"
#include "pipeline/resumable_uploads.hpp"
#include "pipeline/scrub.hpp"
#include "pipeline/verify.hpp"
#include "render/renderer_pool.hpp"

namespace calotype {

struct AppSettings {
  std::filesystem::path data;  // one process at a time owns this folder
  CatalogSettings catalog;
  BlobSettings blobs;
  CacheSettings cache;
  RenderSettings render;
  IngestSettings ingest;
  ResumableSettings resumable;
  DeliverSettings deliver;
  DeletionSettings deletions;
  FetchSettings fetch;
  JobSettings jobs;  // without a lane: this process runs none
  ScrubSettings scrub;
  std::chrono::milliseconds scrub_interval{std::chrono::hours{1}};
  VerifySettings verify;
  std::uint32_t verify_shares = 30;  // one share each interval; 0: none ever
  std::chrono::milliseconds verify_interval{std::chrono::hours{24}};
  std::optional<HttpSettings> http;  // nothing: a worker that does not listen
  PresetTable presets;
  std::chrono::milliseconds drain_max{10'000};  // for what is in flight at SIGTERM or SIGINT
};

/// Serves until SIGTERM or SIGINT, then drains; a second signal ends the draining. bad_config,
/// sandbox_unavailable, catalog_failed, storage_failed where it cannot start, with a message that
/// says what to do.
Result<void> serve(const AppSettings& settings);

/// As serve, but runs jobs only: those of the lanes in settings.jobs. bad_config where the catalog
/// is not one that several programs share.
Result<void> work(const AppSettings& settings);

/// Moves what `from` keeps to where `to` keeps it; what both name alike stays. bad_config where
/// nothing is to be moved, a server runs on either end, or the target holds something else; else as
/// MigrateStore::run. SIGINT and SIGTERM stop it (cancelled).
Result<MigrateStore::Report> migrate_store(const AppSettings& from, const AppSettings& to,
                                           bool skip_damaged,
                                           std::function<void(const MigrateStore::Progress&)> tell);

/// Looks at all that is kept, or a share of it, whether a server runs on it or not. bad_config
/// where there is nothing; else as Verify::run. SIGINT and SIGTERM stop it (cancelled).
Result<VerifyReport> verify(const AppSettings& settings, const VerifyOptions& options,
                            const Verify::Tell& tell);

}  // namespace calotype
