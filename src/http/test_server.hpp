// SPDX-License-Identifier: Apache-2.0
// The whole server over real sockets, with a real catalog, folder and renderer below it, and a
// client that says just what it is told. Only tests use it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/ids.hpp"
#include "base/unique_fd.hpp"
#include "blobs/folder_parts.hpp"
#include "blobs/folder_store.hpp"
#include "cache/open_cache.hpp"
#include "catalog/open_catalog.hpp"
#include "http/server.hpp"
#include "pipeline/deliver.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/inspect.hpp"
#include "pipeline/resumable_uploads.hpp"

namespace calotype {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// More bytes into the buffer; false at the end or after 10 s.
  bool more() {
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (poll(&waiting, 1, 10'000) <= 0) return false;
    char chunk[65536];
    const ssize_t got = recv(fd_.get(), chunk, sizeof(chunk), 0);
    if (got <= 0) return false;
    buffer_.append(chunk, static_cast<std::size_t>(got));
    return true;
  }
  /// The next answer, head and body; empty where the connection ended instead.
  std::string answer(bool head_only = false) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return {};
    end += 4;
    const std::string head = buffer_.substr(0, end);
    constexpr std::string_view mark = "Content-Length: ";
    std::size_t length = 0;
    if (const auto at = head.find(mark); at != head.npos && !head_only)
      length = std::stoul(head.substr(at + mark.size()));
    while (buffer_.size() < end + length)
      if (!more()) return {};
    std::string whole = buffer_.substr(0, end + length);
    buffer_.erase(0, end + length);
    return whole;
  }
  bool ended() {
    while (more()) {
    }
    return buffer_.empty();
  }
  void half_close() { shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_ = UniqueFd(); }

 private:
  UniqueFd fd_;
  std::string buffer_;
};

inline int status_of_answer(std::string_view answer) {
  return answer.size() < 12 ? 0 : std::stoi(std::string(answer.substr(9, 3)));
}
inline std::string body_of_answer(const std::string& answer) {
  const auto at = answer.find("\r\n\r\n");
  return at == answer.npos ? std::string{} : answer.substr(at + 4);
}
inline std::string post(std::string_view body, std::string_view fields = {}) {
  return "POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
inline std::string get(std::string_view target, std::string_view fields = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("calotype-http-" + new_id(SystemClock().now()));
    fs::create_directories(folder_);
    catalog_ = open_catalog({.url = "sqlite:" + (folder_ / "c.db").string()}, clock_).value();
    FolderSettings blob_settings;
    blob_settings.folder = folder_ / "blobs";
    blobs_ = open_folder_store(blob_settings).value();
    RenderSettings render_settings;
    render_settings.processes = 1;
    renderers_ = RendererPool::start(render_settings).value();
    ingest_ = std::make_unique<Ingest>(*catalog_, *blobs_, metrics_,
                                       IngestSettings{.bytes_max = 4 << 20});
    parts_ = open_folder_parts(blob_settings).value();
    resumable_ = std::make_unique<ResumableUploads>(catalog_->resumable_uploads(), *parts_,
                                                    *ingest_, clock_, ResumableSettings{});
    deletions_ = std::make_unique<Deletions>(*catalog_, clock_, DeletionSettings{});
    cache_ = open_cache({}, metrics_).value();
    deliver_ = std::make_unique<Deliver>(
        DeliverParts{*catalog_, *blobs_, *renderers_, *cache_, *deletions_, clock_, metrics_},
        DeliverSettings{}, RenderLimits{});
    near_duplicates_ = std::make_unique<NearDuplicates>(catalog_->near_duplicates(), metrics_);
    presets_ = PresetTable::with_defaults();
    settings_.port = 0;
    settings_.io_threads = 2;
    settings_.upload_buffer_bytes = 64 << 10;
  }
  void TearDown() override {
    server_.reset();
    near_duplicates_.reset();
    deliver_.reset();
    resumable_.reset();
    ingest_.reset();
    renderers_.reset();
    blobs_.reset();
    catalog_.reset();
    fs::remove_all(folder_);
  }

  Services services() {
    return {.catalog = *catalog_,
            .blobs = *blobs_,
            .ingest = *ingest_,
            .resumable = *resumable_,
            .deliver = *deliver_,
            .near_duplicates = *near_duplicates_,
            .metrics = metrics_,
            .clock = clock_,
            .presets = presets_,
            .probe_health = [](auto) { return Result<void>{}; }};
  }
  void start() {
    auto started = HttpServer::start(settings_, services());
    ASSERT_TRUE(started) << describe(started.error());
    server_ = *std::move(started);
  }
  Client client() const { return Client(server_->port()); }
  std::string ask(std::string_view request) const {
    Client one = client();
    one.send(request);
    return one.answer();
  }
  void inspect_all() {
    Inspect inspect(*catalog_, *blobs_, *renderers_, *near_duplicates_, clock_, 10s);
    const auto jobs = catalog_->claim_jobs(Lane::metadata, 10, 60s).value();
    for (const Job& job : jobs) ASSERT_TRUE(inspect.run(job, {}));
  }
  std::size_t assets() const { return catalog_->list_assets({}, "", 100).value().rows.size(); }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "blobs"))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  std::string id_of(std::string_view content) const {
    return AssetId::of(Sha256::of(as_bytes(content))).text();
  }

  SystemClock clock_;
  Metrics metrics_;
  fs::path folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<RendererPool> renderers_;
  std::unique_ptr<Deletions> deletions_;
  std::unique_ptr<SharedCache> cache_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<UploadParts> parts_;
  std::unique_ptr<ResumableUploads> resumable_;
  std::unique_ptr<Deliver> deliver_;
  std::unique_ptr<NearDuplicates> near_duplicates_;
  PresetTable presets_;
  HttpSettings settings_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace calotype
