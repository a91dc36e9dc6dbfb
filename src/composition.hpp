// SPDX-License-Identifier: Apache-2.0
// What a server and a worker are made of. Members are made in the order in which they need each
// other, and go in the reverse order: the doors first, the catalog last.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "app.hpp"
#include "base/unique_fd.hpp"
#include "pipeline/expire.hpp"
#include "pipeline/improve.hpp"
#include "pipeline/inspect.hpp"

namespace calotype {

class Composition {
 public:
  /// All of it, running.
  static Result<std::unique_ptr<Composition>> start(const AppSettings& settings);
  ~Composition();

  /// Takes nothing new, and lets what is in flight finish until the deadline.
  void drain(std::chrono::steady_clock::time_point deadline);
  /// "http://127.0.0.1:8080"; empty where it does not listen.
  std::string url() const;

 private:
  explicit Composition(const AppSettings& settings) : settings_(settings) {}
  Result<void> open_stores();
  Result<void> start_pipeline();
  Result<void> start_doors();
  void hear_changes();
  std::map<JobKind, JobHandler> handlers();
  Result<void> scrub(const Job& job, const std::stop_token& stop);
  Result<void> verify(const Job& job, const std::stop_token& stop);
  Result<void> verify_share(const std::stop_token& stop);
  void measure();

  const AppSettings settings_;
  SystemClock clock_;
  Metrics metrics_;
  UniqueFd lock_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<UploadParts> upload_parts_;
  std::unique_ptr<SharedCache> cache_;
  std::unique_ptr<RendererPool> renderers_;
  std::unique_ptr<UrlFetcher> fetcher_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<ResumableUploads> resumable_;
  std::unique_ptr<NearDuplicates> near_duplicates_;
  std::unique_ptr<Inspect> inspect_;
  std::unique_ptr<Expire> expire_;
  std::unique_ptr<Scrub> scrub_;
  std::unique_ptr<Verify> verify_;
  std::unique_ptr<Deletions> deletions_;
  std::unique_ptr<Deliver> deliver_;
  std::unique_ptr<Improve> improve_;
  std::unique_ptr<JobRunner> jobs_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace calotype
