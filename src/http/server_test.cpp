// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <thread>

#include "http/test_server.hpp"

namespace calotype {
namespace {

/// A binary PPM is not decoded here; a PNG of one gray pixel is.
const std::string one_pixel = [] {
  const auto bytes = from_base64(
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJg"
      "gg==");
  return std::string(as_text(*bytes));
}();

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
