// SPDX-License-Identifier: Apache-2.0
// The whole server over real sockets, with a real catalog, folder and renderer below it.
#include "http/server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/ids.hpp"
#include "base/unique_fd.hpp"
#include "blobs/folder_store.hpp"
#include "cache/open_cache.hpp"
#include "catalog/open_catalog.hpp"
#include "pipeline/deliver.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/inspect.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// A binary PPM is not decoded here; a PNG of one gray pixel is.
const std::string one_pixel = [] {
  const auto bytes = from_base64(
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJg"
      "gg==");
  return std::string(as_text(*bytes));
}();

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

int status_of_answer(std::string_view answer) {
  return answer.size() < 12 ? 0 : std::stoi(std::string(answer.substr(9, 3)));
}
std::string body_of_answer(const std::string& answer) {
  const auto at = answer.find("\r\n\r\n");
  return at == answer.npos ? std::string{} : answer.substr(at + 4);
}
std::string post(std::string_view body, std::string_view fields = {}) {
  return "POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
std::string get(std::string_view target, std::string_view fields = {}) {
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
  std::unique_ptr<Deliver> deliver_;
  std::unique_ptr<NearDuplicates> near_duplicates_;
  PresetTable presets_;
  HttpSettings settings_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(ServerTest, UploadsOfEverySizeComeBackAsTheyWere) {
  start();
  Client one = client();
  for (const std::size_t size :
       {1UZ, 4'000UZ, 65'535UZ, 65'536UZ, 65'537UZ, 200'000UZ, 1'000'000UZ}) {
    std::string content(size, 'x');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 31 + size);
    one.send(post(content));
    ASSERT_EQ(status_of_answer(one.answer()), 201) << size;
    one.send(post(content));
    ASSERT_EQ(status_of_answer(one.answer()), 200) << size;
    one.send(get("/v1/assets/" + id_of(content) + "/original"));
    EXPECT_EQ(body_of_answer(one.answer()), content) << size;
  }
}

TEST_F(ServerTest, ChunkedUploadsComeBackAndTheNextRequestIsAnswered) {
  start();
  std::string content;
  for (int i = 0; content.size() < 300'000; ++i) content += std::to_string(i);
  std::string coded;
  for (std::size_t at = 0; at < content.size(); at += 1'234) {
    const std::string_view piece = std::string_view(content).substr(at, 1'234);
    char size[32];
    std::snprintf(size, sizeof(size), "%zx\r\n", piece.size());
    coded += size + std::string(piece) + "\r\n";
  }
  coded += "0\r\n\r\n";
  Client one = client();
  one.send("POST /v1/assets HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + coded +
           get("/v1/assets/" + id_of(content) + "/original") + get("/readyz"));
  EXPECT_EQ(status_of_answer(one.answer()), 201);
  EXPECT_EQ(body_of_answer(one.answer()), content);
  EXPECT_EQ(status_of_answer(one.answer()), 200);
}

TEST_F(ServerTest, FormsAreReadAsTheyStream) {
  start();
  std::string content(500'000, '-');
  for (std::size_t i = 0; i < content.size(); i += 97) content[i] = '\r';
  const std::string form =
      "--b\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\nred, blue\r\n"
      "--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.jpg\"\r\n\r\n" +
      content + "\r\n--b--\r\n";
  const std::string answer = ask(post(form, "Content-Type: multipart/form-data; boundary=b\r\n"));
  EXPECT_EQ(status_of_answer(answer), 201) << answer;
  const auto uploads = catalog_->uploads_of(AssetId::of(Sha256::of(as_bytes(content)))).value();
  ASSERT_EQ(uploads.size(), 1);
  EXPECT_EQ(uploads[0].file_name, "a.jpg");
  EXPECT_EQ(uploads[0].tags, (std::vector<std::string>{"red", "blue"}));
}

TEST_F(ServerTest, RefusedUploadsLeaveNothingBehind) {
  start();
  struct Row {
    std::string name;
    std::string request;
    int status;
    std::string code;
  };
  const std::string chunked =
      "POST /v1/assets HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string form = "Content-Type: multipart/form-data; boundary=b\r\n";
  const Row rows[] = {
      {"empty", post(""), 400, "MISSING_UPLOAD"},
      {"no body", "POST /v1/assets HTTP/1.1\r\nHost: a\r\n\r\n", 400, "MISSING_UPLOAD"},
      {"empty, chunked", chunked + "0\r\n\r\n", 400, "MISSING_UPLOAD"},
      {"broken chunking", chunked + "4\r\nabcdX", 400, "BAD_REQUEST"},
      {"too large by its length",
       "POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413, "TOO_LARGE"},
      {"too large, chunked", chunked + "500000\r\n" + std::string(0x500000, 'x') + "\r\n0\r\n\r\n",
       413, "TOO_LARGE"},
      {"another digest",
       post("hello",
            "Repr-Digest: sha-256=:" + to_base64(Sha256::of(as_bytes("other")).bytes) + ":\r\n"),
       422, "DIGEST_MISMATCH"},
      {"broken digest", post("hello", "Repr-Digest: sha-256=abc\r\n"), 400, "BAD_DIGEST_HEADER"},
      {"form without a file",
       post("--b\r\nContent-Disposition: form-data; name=tags\r\n\r\nx\r\n--b--", form), 400,
       "MISSING_UPLOAD"},
      {"form with an empty file",
       post("--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n\r\n--b--", form),
       400, "MISSING_UPLOAD"},
      {"form that ends early",
       post("--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nabc", form), 400,
       "BAD_REQUEST"},
      {"two files",
       post("--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nabc\r\n"
            "--b\r\nContent-Disposition: form-data; name=g; filename=b\r\n\r\nabc\r\n--b--",
            form),
       400, "BAD_REQUEST"},
      {"unknown parameter",
       "POST /v1/assets?name=x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400,
       "BAD_REQUEST"},
  };
  for (const Row& row : rows) {
    const std::string answer = ask(row.request);
    EXPECT_EQ(status_of_answer(answer), row.status) << row.name << answer.substr(0, 300);
    EXPECT_NE(answer.find("\"code\":\"" + row.code + "\""), std::string::npos) << row.name;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << row.name;
  }
  EXPECT_EQ(assets(), 0);
  EXPECT_EQ(files(), 0);
}

TEST_F(ServerTest, UploadThatBreaksOffLeavesNothingAndGetsNoAnswer) {
  start();
  Client one = client();
  one.send("POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  one.send(std::string(400'000, 'x'));
  one.half_close();
  while (one.more()) {
  }
  Client two = client();
  two.send("POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  two.send(std::string(200'000, 'x'));
  two.close();
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(assets(), 0);
  EXPECT_EQ(files(), 0);
}

TEST_F(ServerTest, BodyIsAskedForOnlyWhereItIsWanted) {
  start();
  const std::string expect = "Expect: 100-continue\r\n";
  Client one = client();
  one.send("POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + expect + "\r\n");
  EXPECT_EQ(one.answer(), "HTTP/1.1 100 Continue\r\n\r\n");
  one.send("hello");
  EXPECT_EQ(status_of_answer(one.answer()), 201);
  one.send("POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n" + expect + "\r\n");
  const std::string refused = one.answer();
  EXPECT_EQ(status_of_answer(refused), 413);
  EXPECT_NE(refused.find("Connection: close"), std::string::npos);
}

TEST_F(ServerTest, PicturesAreMadeOnceThenHotAndAnsweredInOrder) {
  start();
  ASSERT_EQ(status_of_answer(ask(post(one_pixel))), 201);
  const std::string id = id_of(one_pixel);
  EXPECT_EQ(status_of_answer(ask(get("/i/" + id + "?fm=png"))), 202);
  inspect_all();
  const std::string first = ask(get("/i/" + id + "?fm=png"));
  ASSERT_EQ(status_of_answer(first), 200) << first;
  EXPECT_NE(first.find("X-Cache: MISS"), std::string::npos);
  std::string pipelined;
  for (int i = 0; i < 100; ++i)
    pipelined +=
        get(i % 10 == 9 ? "/nowhere" : "/i/" + id + "?fm=png") + (i % 7 == 0 ? "\r\n" : "");
  Client one = client();
  one.send(pipelined);
  for (int i = 0; i < 100; ++i) {
    const std::string answer = one.answer();
    ASSERT_EQ(status_of_answer(answer), i % 10 == 9 ? 404 : 200) << i;
    if (i % 10 == 9) continue;
    EXPECT_EQ(body_of_answer(answer), body_of_answer(first));
    EXPECT_NE(answer.find("X-Cache: HIT"), std::string::npos);
  }
  // Conditions and ranges of what is hot.
  const auto etag = first.substr(first.find("ETag: ") + 6, 66);
  one.send(get("/i/" + id + "?fm=png", "If-None-Match: " + etag + "\r\n"));
  EXPECT_EQ(status_of_answer(one.answer()), 304);
  one.send(get("/i/" + id + "?fm=png", "Range: bytes=0-3\r\n"));
  EXPECT_EQ(body_of_answer(one.answer()), body_of_answer(first).substr(0, 4));
  one.send("HEAD /i/" + id + "?fm=png HTTP/1.1\r\nHost: a\r\n\r\n" + get("/readyz"));
  EXPECT_NE(
      one.answer(true).find("Content-Length: " + std::to_string(body_of_answer(first).size())),
      std::string::npos);
  EXPECT_EQ(status_of_answer(one.answer()), 200);
  // Gone is gone, at once, on every thread.
  EXPECT_EQ(status_of_answer(ask("DELETE /v1/assets/" + id + " HTTP/1.1\r\nHost: a\r\n\r\n")), 204);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(status_of_answer(ask(get("/i/" + id + "?fm=png"))), 404);
}

TEST_F(ServerTest, ManyWhoAskAtOnceGetOnePicture) {
  start();
  ASSERT_EQ(status_of_answer(ask(post(one_pixel))), 201);
  inspect_all();
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 32; ++i)
    threads.emplace_back([&] {
      if (status_of_answer(ask(get("/i/" + id_of(one_pixel) + "?fm=webp"))) == 200) ++good;
    });
  threads.clear();
  EXPECT_EQ(good, 32);
}

TEST_F(ServerTest, WhatIsNoProperRequestEndsTheConnection) {
  start();
  const std::pair<std::string, int> rows[] = {
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
       400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", 431},
      {"GET / HTTP/3.0\r\n\r\n", 505},
  };
  for (const auto& [request, status] : rows) {
    Client one = client();
    one.send(request);
    EXPECT_EQ(status_of_answer(one.answer()), status) << request.substr(0, 60);
    EXPECT_TRUE(one.ended());
  }
  EXPECT_EQ(assets(), 0);
}

TEST_F(ServerTest, SlowClientsAreLetGo) {
  settings_.request_header_timeout = 300ms;
  settings_.idle_timeout = 600ms;
  settings_.body_timeout = 300ms;
  start();
  const auto began = std::chrono::steady_clock::now();
  Client trickling = client();
  std::jthread feeder([&](const std::stop_token& stop) {
    for (const char c : get("/readyz", "X: " + std::string(200, 'x') + "\r\n")) {
      if (stop.stop_requested()) return;
      trickling.send({&c, 1});
      std::this_thread::sleep_for(20ms);
    }
  });
  Client idle = client();
  Client stalled = client();
  stalled.send("POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx");
  EXPECT_TRUE(trickling.ended());
  feeder = {};
  stalled.ended();
  EXPECT_TRUE(idle.ended());
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_EQ(files(), 0);
}

TEST_F(ServerTest, TooManyConnectionsAreToldSo) {
  settings_.connections_max = 2;
  settings_.io_threads = 1;
  start();
  Client first = client();
  Client second = client();
  first.send(get("/readyz"));
  second.send(get("/readyz"));
  EXPECT_EQ(status_of_answer(first.answer()), 200);
  EXPECT_EQ(status_of_answer(second.answer()), 200);
  Client third = client();
  EXPECT_EQ(status_of_answer(third.answer()), 503);
}

TEST_F(ServerTest, DrainingFinishesWhatIsUnderWay) {
  start();
  Client idle = client();
  idle.send(get("/readyz"));
  EXPECT_EQ(status_of_answer(idle.answer()), 200);
  Client uploading = client();
  uploading.send("POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  std::this_thread::sleep_for(50ms);
  std::jthread draining([&] { server_->drain(std::chrono::steady_clock::now() + 10s); });
  EXPECT_TRUE(idle.ended());
  uploading.send("lo");
  const std::string answer = uploading.answer();
  EXPECT_EQ(status_of_answer(answer), 201);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  uploading.close();
}

TEST_F(ServerTest, DrainingCancelsWhatWillNotEnd) {
  start();
  Client stalled = client();
  stalled.send("POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  std::this_thread::sleep_for(50ms);
  const auto began = std::chrono::steady_clock::now();
  server_->drain(began + 200ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_EQ(files(), 0);
}

TEST_F(ServerTest, ListensElsewhereOnlyWithKeys) {
  settings_.host = "0.0.0.0";
  const auto started = HttpServer::start(settings_, services());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::bad_config);
}

TEST_F(ServerTest, TakesNoPortThatIsTaken) {
  start();
  HttpSettings other = settings_;
  other.port = server_->port();
  const auto started = HttpServer::start(other, services());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::bad_config);
}

TEST_F(ServerTest, HealthIsTheLastVerdict) {
  start();
  std::string answer;
  for (int i = 0; i < 100 && status_of_answer(answer = ask(get("/healthz"))) != 200; ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_EQ(status_of_answer(answer), 200);
}

}  // namespace
}  // namespace calotype
