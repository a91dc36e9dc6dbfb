// SPDX-License-Identifier: Apache-2.0
#include "cli/http_client.hpp"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace calotype {
namespace {

/// What the callbacks of one request share.
struct Exchange {
  const HttpRequest& request;
  HttpAnswer answer{};
  std::uint64_t sent = 0;
  std::optional<Error> failed{};
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& answer = static_cast<Exchange*>(user)->answer;
  std::string_view line(data, size * count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    // An interim answer (100) comes before the one that counts.
    answer = {};
    const auto code = line.substr(std::min(line.find(' ') + 1, line.size()));
    std::from_chars(code.data(), code.data() + code.size(), answer.status);
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    auto value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    answer.headers[name] = value;
  }
  return size * count;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view bytes(data, size * count);
  // What is no success goes into the body: it says what is wrong.
  if (!exchange.request.sink || exchange.answer.status != 200) {
    exchange.answer.body += bytes;
    return bytes.size();
  }
  if (auto taken = exchange.request.sink(as_bytes(bytes)); !taken) {
    exchange.failed = taken.error();
    return 0;
  }
  return bytes.size();
}

std::uint64_t body_bytes(const HttpRequest& request) {
  return request.file ? request.file->bytes : request.body.size();
}

std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (!exchange.request.file) {
    const std::size_t copied =
        exchange.request.body.copy(buffer, size * count, static_cast<std::size_t>(exchange.sent));
    exchange.sent += copied;
    return copied;
  }
  const FileBody& file = *exchange.request.file;
  const ssize_t got = pread(file.fd, buffer, size * count, static_cast<off_t>(exchange.sent));
  if (got < 0) {
    exchange.failed = fail_errno(ErrorCode::bad_request, "The file cannot be read.", errno).error();
    return CURL_READFUNC_ABORT;
  }
  exchange.sent += static_cast<std::uint64_t>(got);
  if (file.progress) file.progress(exchange.sent);
  return static_cast<std::size_t>(got);
}

/// libcurl would send a request once more by itself where a connection ends without an answer; but
/// a POST that was sent whole may have been carried out.
int on_seek(void* user, curl_off_t offset, int origin) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  if (exchange.sent > 0 && exchange.sent == body_bytes(exchange.request)) return CURL_SEEKFUNC_FAIL;
  exchange.sent = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

struct SlistDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, SlistDeleter>;

void append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  require(longer != nullptr, "there is memory for a header");
  static_cast<void>(list.release());
  list.reset(longer);
}

void set_transport(CURL* curl) {
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
  // A transfer may take as long as it needs; one that stands still is over after two minutes.
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 120L);
}

void set_answer(CURL* curl, Exchange& exchange) {
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
}

void set_body(CURL* curl, Exchange& exchange) {
  const HttpRequest& request = exchange.request;
  if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(body_bytes(request)));
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, &exchange);
  }
  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

}  // namespace

struct HttpClient::State {
  std::string server;
  std::string key;
  CURL* curl = nullptr;
};

HttpClient::HttpClient(std::string server, std::string key)
    : state_(std::make_unique<State>(std::move(server), std::move(key))) {
  while (state_->server.ends_with('/')) state_->server.pop_back();
  state_->curl = curl_easy_init();
  require(state_->curl != nullptr, "libcurl can be started");
}

HttpClient::~HttpClient() {
  curl_easy_cleanup(state_->curl);
}

std::unique_ptr<HttpClient> HttpClient::another() const {
  return std::make_unique<HttpClient>(state_->server, state_->key);
}

const std::string& HttpClient::server() const {
  return state_->server;
}

Result<HttpAnswer> HttpClient::send(const HttpRequest& request) {
  CURL* curl = state_->curl;
  curl_easy_reset(curl);  // keeps its connections
  Exchange exchange{.request = request};
  std::array<char, CURL_ERROR_SIZE> reason{};
  HeaderList headers;
  for (const auto& line : request.headers) append(headers, line);
  if (!state_->key.empty()) append(headers, "Authorization: Bearer " + state_->key);
  append(headers, "User-Agent: calotype/" CALOTYPE_VERSION);
  const std::string url = state_->server + request.target;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason.data());
  set_transport(curl);
  set_answer(curl, exchange);
  set_body(curl, exchange);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());

  const CURLcode code = curl_easy_perform(curl);
  if (exchange.failed) return std::unexpected(*exchange.failed);
  // A refusal that came before the whole body was sent is an answer too.
  if (code != CURLE_OK && exchange.answer.status < 400) {
    const std::string why = code == CURLE_SEND_FAIL_REWIND ? "the connection ended before it came"
                            : reason[0] != '\0'            ? reason.data()
                                                           : curl_easy_strerror(code);
    return fail(ErrorCode::server_unreachable,
                "No answer from " + state_->server + " (" + why + "). Is the server running?");
  }
  return std::move(exchange.answer);
}

}  // namespace calotype
