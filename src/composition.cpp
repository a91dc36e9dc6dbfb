// SPDX-License-Identifier: Apache-2.0
#include "composition.hpp"

#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/folder_lock.hpp"
#include "base/log.hpp"
#include "catalog/integrity_catalog.hpp"
#include "pipeline/checked_blobs.hpp"

namespace calotype {
namespace {

constexpr std::string_view fingerprints_job = "fingerprints";

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<std::unique_ptr<Composition>> Composition::start(const AppSettings& settings) {
  std::unique_ptr<Composition> composition(new Composition(settings));
  TRY_VOID(composition->open_stores());
  TRY_VOID(composition->start_pipeline());
  TRY_VOID(composition->start_doors());
  return composition;
}

Composition::~Composition() {
  if (catalog_) catalog_->on_change(nullptr);
  if (deletions_) deletions_->listen({});
  http_.reset();
}

Result<void> Composition::open_stores() {
  TRY(lock_, lock_folder(settings_.data, "Another calotype is using " + settings_.data.string() +
                                             ". Stop it, or choose another folder with --data."));
  TRY(catalog_, open_catalog(settings_.catalog, clock_, &metrics_));
  if (!catalog_->is_shared()) TRY_VOID(catalog_->end_all_leases());
  TRY(auto blobs, open_blobs(settings_.blobs, clock_, metrics_));
  blobs_ = check_blobs(std::move(blobs), catalog_->integrity(), metrics_);
  TRY(upload_parts_, open_upload_parts(settings_.blobs, metrics_));
  TRY(cache_, open_cache(settings_.cache, metrics_));
  return {};
}

Result<void> Composition::start_pipeline() {
  TRY(renderers_, RendererPool::start(settings_.render));
  TRY(fetcher_, UrlFetcher::make(settings_.fetch));
  ingest_ = std::make_unique<Ingest>(*catalog_, *blobs_, metrics_, settings_.ingest);
  resumable_ = std::make_unique<ResumableUploads>(catalog_->resumable_uploads(), *upload_parts_,
                                                  *ingest_, clock_, settings_.resumable);
  near_duplicates_ = std::make_unique<NearDuplicates>(catalog_->near_duplicates(), metrics_);
  inspect_ = std::make_unique<Inspect>(*catalog_, *blobs_, *renderers_, *near_duplicates_, clock_,
                                       settings_.render.inspect_timeout * 2);
  expire_ = std::make_unique<Expire>(*catalog_, *blobs_, settings_.jobs.lease);
  scrub_ = std::make_unique<Scrub>(*catalog_, *blobs_, *expire_, clock_, metrics_, settings_.scrub);
  verify_ = std::make_unique<Verify>(*catalog_, *blobs_, clock_, metrics_, settings_.verify);
  DeletionSettings deletions = settings_.deletions;
  // A shared cache outlives its servers, and with them what they knew of deletions.
  deletions.others_delete = catalog_->is_shared() || cache_->is_shared();
  deletions_ = std::make_unique<Deletions>(*catalog_, clock_, deletions);
  deliver_ = std::make_unique<Deliver>(DeliverParts{.catalog = *catalog_,
                                                    .blobs = *blobs_,
                                                    .renderers = *renderers_,
                                                    .cache = *cache_,
                                                    .deletions = *deletions_,
                                                    .clock = clock_,
                                                    .metrics = metrics_},
                                       settings_.deliver, settings_.render.limits);
  improve_ = std::make_unique<Improve>(ImproveParts{.catalog = *catalog_,
                                                    .blobs = *blobs_,
                                                    .renderers = *renderers_,
                                                    .deliver = *deliver_,
                                                    .clock = clock_,
                                                    .metrics = metrics_},
                                       settings_.render.limits, settings_.deliver.lease,
                                       settings_.render.render_timeout * 2);
  TRY_VOID(catalog_->enqueue(JobKind::scrub, "scrub", "", std::chrono::milliseconds{0}));
  TRY_VOID(catalog_->enqueue(JobKind::verify, fingerprints_job, "", std::chrono::milliseconds{0}));
  if (settings_.verify_shares > 0)
    TRY_VOID(catalog_->enqueue(JobKind::verify, "verify", "", std::chrono::milliseconds{0}));
  if (!settings_.jobs.concurrency.empty())
    jobs_ = std::make_unique<JobRunner>(*catalog_, metrics_, settings_.jobs, handlers(), [this] {
      return catalog_->check().has_value() && blobs_->check().has_value();
    });
  return {};
}

Result<void> Composition::start_doors() {
  metrics_.before_exposition([this] { measure(); });
  if (!settings_.http) return {};
  const Services services{.catalog = *catalog_,
                          .blobs = *blobs_,
                          .ingest = *ingest_,
                          .resumable = *resumable_,
                          .deliver = *deliver_,
                          .near_duplicates = *near_duplicates_,
                          .metrics = metrics_,
                          .clock = clock_,
                          .presets = settings_.presets,
                          .probe_health =
                              [this](std::chrono::steady_clock::time_point deadline) {
                                return renderers_->probe(deadline);
                              },
                          .fetcher = fetcher_.get()};
  TRY(http_, HttpServer::start(*settings_.http, services));
  hear_changes();
  return {};
}

/// What this server remembers is dropped when any server changes it.
void Composition::hear_changes() {
  deletions_->listen({.deleted = [this](const AssetId& id) { http_->forget_asset(id); },
                      .trusted_until = [this](auto moment) { http_->trust_until(moment); }});
  catalog_->on_change([this](const CatalogChange& change) {
    switch (change.what) {
      case CatalogChange::What::asset_deleted:
        if (change.asset) deletions_->note(*change.asset);
        break;
      case CatalogChange::What::variant_improved:
        // What is hot under a name without a version may be the quick one.
        deliver_->look_again(*change.asset);
        http_->forget_asset(*change.asset);
        break;
      case CatalogChange::What::keys_changed:
        http_->forget_keys();
        break;
      case CatalogChange::What::missed:
        near_duplicates_->look_again();
        http_->forget_keys();
        deletions_->look_again();
        break;
    }
  });
}

std::map<JobKind, JobHandler> Composition::handlers() {
  return {
      {JobKind::inspect,
       {.run = [this](const Job& job, const auto& stop) { return inspect_->run(job, stop); },
        .completes = true}},
      {JobKind::render,
       {.run = [this](const Job& job, const auto& stop) { return improve_->run(job, stop); }}},
      {JobKind::expire,
       {.run = [this](const Job& job, const auto& stop) { return expire_->run(job, stop); }}},
      {JobKind::scrub,
       {.run = [this](const Job& job, const auto& stop) { return scrub(job, stop); },
        .completes = true}},
      {JobKind::verify,
       {.run = [this](const Job& job, const auto& stop) { return verify(job, stop); },
        .completes = true}},
  };
}

/// It comes round for ever.
Result<void> Composition::scrub(const Job& job, const std::stop_token& stop) {
  TRY_VOID(resumable_->sweep(stop));
  TRY_VOID(scrub_->run(stop));
  return catalog_->put_back_job({job.id, job.fence}, settings_.scrub_interval);
}

/// Of no asset: the share whose turn it is, or fingerprints that are missing, which come round for
/// ever. Of one: its proof.
Result<void> Composition::verify(const Job& job, const std::stop_token& stop) {
  const JobLease lease{job.id, job.fence};
  if (job.key == fingerprints_job) {
    TRY(const bool has_more, inspect_->fingerprint_older(stop));
    return catalog_->put_back_job(
        lease, has_more ? std::chrono::milliseconds{0} : settings_.scrub_interval);
  }
  if (!job.asset_id.empty()) {
    TRY_VOID(inspect_->remake_proof(job, stop));
    return catalog_->complete_job(lease);
  }
  if (settings_.verify_shares > 0) TRY_VOID(verify_share(stop));
  return catalog_->put_back_job(lease, settings_.verify_interval);
}

Result<void> Composition::verify_share(const std::stop_token& stop) {
  const std::uint32_t shares = settings_.verify_shares;
  TRY(const std::int64_t position, catalog_->integrity().verify_position());
  const auto share = static_cast<std::uint32_t>(static_cast<std::uint64_t>(position) % shares);
  TRY(const VerifyReport report,
      verify_->run({.repair = true, .shares = shares, .share = share}, stop, [](const auto&) {}));
  if (report.blobs > 0)
    log::info("a share of the blobs was verified", {{"share", share},
                                                    {"blobs", report.blobs},
                                                    {"bytes", report.bytes},
                                                    {"faults", report.findings.size()}});
  return catalog_->integrity().set_verify_position(share + 1);
}

/// What is measured rather than counted.
void Composition::measure() {
  const auto memory = [this](const std::string& process, std::uint64_t bytes) {
    metrics_
        .gauge("memory_usage_bytes", "Resident memory of each process of the server.",
               {{"process", process}})
        .set(static_cast<double>(bytes));
  };
  memory("server", resident_bytes(getpid()));
  int index = 0;
  for (const auto& renderer : renderers_->memory())
    memory("renderer-" + std::to_string(index++), renderer.resident_bytes);
  const auto depth = renderers_->depth();
  metrics_.gauge("render_queue_depth", "Renders that wait for a renderer.")
      .set(static_cast<double>(depth.waiting));
  metrics_.gauge("render_running", "Renders and inspections that a renderer is at.")
      .set(static_cast<double>(depth.running));
  metrics_.gauge("render_queue_bytes", "Their estimated memory.")
      .set(static_cast<double>(depth.waiting_bytes));
  if (const auto count = catalog_->integrity().count_quarantined())
    metrics_
        .gauge("blobs_quarantined", "Blobs that are served to nobody, their bytes being damaged.")
        .set(static_cast<double>(*count));
  if (const auto counts = catalog_->count_jobs())
    for (const JobCount& row : *counts)
      metrics_
          .gauge("job_queue_depth", "Jobs in the catalog.",
                 {{"lane", std::string(to_string(row.lane))},
                  {"state", std::string(to_string(row.state))}})
          .set(static_cast<double>(row.count));
}

void Composition::drain(std::chrono::steady_clock::time_point deadline) {
  std::jthread jobs([this, deadline] {
    if (jobs_) jobs_->drain(deadline);
  });
  if (http_) http_->drain(deadline);
}

std::string Composition::url() const {
  if (!http_) return {};
  const std::string& host = settings_.http->host;
  return "http://" + (host.contains(':') ? "[" + host + "]" : host) + ":" +
         std::to_string(http_->port());
}

}  // namespace calotype
