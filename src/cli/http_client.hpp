// SPDX-License-Identifier: Apache-2.0
// HTTP as the commands need it; http_client.cpp is the one file that includes libcurl. One client
// keeps its connection from request to request; one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.hpp"
#include "base/error.hpp"

namespace calotype {

/// A body that is read from a file, from its beginning.
struct FileBody {
  int fd = -1;
  std::uint64_t bytes = 0;
  std::function<void(std::uint64_t sent)> progress;  // may be empty
};

struct HttpRequest {
  std::string method = "GET";
  std::string target{};                // path and query, percent-encoded
  std::vector<std::string> headers{};  // "Name: value"
  std::string body{};
  std::optional<FileBody> file{};  // instead of body
  /// Takes the body of a 200 as it comes; any other is in HttpAnswer::body.
  std::function<Result<void>(ByteSpan)> sink{};
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
  std::string header(const std::string& name) const {
    const auto place = headers.find(name);
    return place == headers.end() ? std::string{} : place->second;
  }
};

class HttpClient {
 public:
  /// `server` as http://HOST:PORT; with a key, requests carry it as a bearer token.
  HttpClient(std::string server, std::string key);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Of the same server and key, for another thread.
  std::unique_ptr<HttpClient> another() const;
  const std::string& server() const;

  /// Any answer, whatever its status. server_unreachable where there is none; the sink's error.
  Result<HttpAnswer> send(const HttpRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace calotype
