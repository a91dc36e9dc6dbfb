// SPDX-License-Identifier: Apache-2.0
// The composition root: the only file that names implementations. Members are made in the order in
// which they need each other, and go in the reverse order: the doors first, the catalog last.
#include "app.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include <fstream>
#include <thread>

#include "base/log.hpp"
#include "pipeline/expire.hpp"
#include "pipeline/inspect.hpp"

namespace calotype {
namespace {

/// SIGTERM and SIGINT wait until somebody asks for them; every thread made later inherits this.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  require(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0, "signals can be blocked");
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

/// One server a data folder: the kernel drops the lock with the process, however that ends.
Result<UniqueFd> lock_folder(const std::filesystem::path& data) {
  std::error_code error;
  std::filesystem::create_directories(data, error);
  if (error)
    return fail(ErrorCode::bad_config, "The data folder " + data.string() + " cannot be made.",
                error.message());
  const auto path = data / "lock";
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file)
    return fail_errno(ErrorCode::bad_config,
                      "The data folder " + data.string() + " cannot be written to.", errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorCode::bad_config, "Another calotype is serving " + data.string() +
                                           ". Stop it, or choose another " + "folder with --data.");
  return file;
}

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

class App {
 public:
  static Result<std::unique_ptr<App>> start(const AppSettings& settings);
  ~App() { http_.reset(); }

  void drain(std::chrono::steady_clock::time_point deadline) { http_->drain(deadline); }
  std::uint16_t port() const { return http_->port(); }

 private:
  explicit App(const AppSettings& settings) : presets_(settings.presets) {}
  Result<void> open_stores(const AppSettings& settings);
  Result<void> start_pipeline(const AppSettings& settings);
  std::map<JobKind, JobHandler> handlers(std::chrono::milliseconds scrub_interval);
  void measure();

  const PresetTable presets_;
  SystemClock clock_;
  Metrics metrics_;
  UniqueFd lock_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<RendererPool> renderers_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<Inspect> inspect_;
  std::unique_ptr<Expire> expire_;
  std::unique_ptr<Scrub> scrub_;
  std::unique_ptr<Deliver> deliver_;
  std::unique_ptr<JobRunner> jobs_;
  std::unique_ptr<HttpServer> http_;
};

Result<std::unique_ptr<App>> App::start(const AppSettings& settings) {
  std::unique_ptr<App> app(new App(settings));
  TRY_VOID(app->open_stores(settings));
  TRY_VOID(app->start_pipeline(settings));
  return app;
}

Result<void> App::open_stores(const AppSettings& settings) {
  TRY(lock_, lock_folder(settings.data));
  TRY(catalog_, open_catalog(settings.catalog, clock_, &metrics_));
  if (!catalog_->is_shared()) TRY_VOID(catalog_->end_all_leases());
  TRY(blobs_, open_folder_store(settings.blobs));
  return {};
}

Result<void> App::start_pipeline(const AppSettings& settings) {
  TRY(renderers_, RendererPool::start(settings.render));
  ingest_ = std::make_unique<Ingest>(*catalog_, *blobs_, metrics_, settings.ingest);
  inspect_ = std::make_unique<Inspect>(*catalog_, *blobs_, *renderers_, clock_,
                                       settings.render.inspect_timeout * 2);
  expire_ = std::make_unique<Expire>(*catalog_, *blobs_, settings.jobs.lease);
  scrub_ = std::make_unique<Scrub>(*catalog_, *blobs_, *expire_, clock_, metrics_, settings.scrub);
  deliver_ = std::make_unique<Deliver>(*catalog_, *blobs_, *renderers_, clock_, metrics_,
                                       settings.deliver, settings.render.limits);
  TRY_VOID(catalog_->enqueue(JobKind::scrub, "scrub", "", std::chrono::milliseconds{0}));
  jobs_ = std::make_unique<JobRunner>(*catalog_, metrics_, settings.jobs,
                                      handlers(settings.scrub_interval));
  metrics_.before_exposition([this] { measure(); });
  Services services{.catalog = *catalog_,
                    .blobs = *blobs_,
                    .ingest = *ingest_,
                    .deliver = *deliver_,
                    .metrics = metrics_,
                    .clock = clock_,
                    .presets = presets_,
                    .probe_health = [this](std::chrono::steady_clock::time_point deadline) {
                      return renderers_->probe(deadline);
                    }};
  TRY(http_, HttpServer::start(settings.http, services));
  return {};
}

std::map<JobKind, JobHandler> App::handlers(std::chrono::milliseconds scrub_interval) {
  const auto scrub = [this, scrub_interval](const Job& job,
                                            const std::stop_token& stop) -> Result<void> {
    TRY_VOID(scrub_->run(stop));
    return catalog_->put_back_job({job.id, job.fence}, scrub_interval);  // it comes round for ever
  };
  return {
      {JobKind::inspect,
       {.run = [this](const Job& job, const auto& stop) { return inspect_->run(job, stop); },
        .completes = true}},
      {JobKind::expire,
       {.run = [this](const Job& job, const auto& stop) { return expire_->run(job, stop); }}},
      {JobKind::scrub, {.run = scrub, .completes = true}},
  };
}

/// What is measured rather than counted.
void App::measure() {
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
  metrics_.gauge("render_queue_bytes", "Their estimated memory.")
      .set(static_cast<double>(depth.waiting_bytes));
  if (const auto counts = catalog_->count_jobs())
    for (const JobCount& row : *counts)
      metrics_
          .gauge("job_queue_depth", "Jobs in the catalog.",
                 {{"lane", std::string(to_string(row.lane))},
                  {"state", std::string(to_string(row.state))}})
          .set(static_cast<double>(row.count));
}

int wait_for(const sigset_t& signals) {
  int received = 0;
  while (sigwait(&signals, &received) != 0) {
  }
  return received;
}

}  // namespace

Result<void> serve(const AppSettings& settings) {
  const sigset_t signals = block_signals();
  TRY(auto app, App::start(settings));
  log::info("serving", {{"url", "http://" + settings.http.host + ":" + std::to_string(app->port())},
                        {"data", settings.data.string()}});
  wait_for(signals);
  log::info("stopping", {{"drain_ms", settings.drain_max.count()}});
  // A second signal means that somebody does not want to wait.
  std::jthread impatient([&signals](const std::stop_token& stop) {
    const timespec tick{0, 100'000'000};
    while (!stop.stop_requested())
      if (sigtimedwait(&signals, nullptr, &tick) > 0) _exit(130);
  });
  app->drain(std::chrono::steady_clock::now() + settings.drain_max);
  app.reset();
  log::info("stopped");
  return {};
}

}  // namespace calotype
