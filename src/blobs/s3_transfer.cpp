// SPDX-License-Identifier: Apache-2.0
// The signature is libcurl's (CURLOPT_AWS_SIGV4). It signs the x-amz-content-sha256 that we give
// it, the real hash of the body, so that S3 refuses a body that was changed on its way.
#include "blobs/s3_transfer.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <format>

#include "blobs/s3_xml.hpp"

namespace calotype {
namespace {

constexpr std::size_t body_bytes_max = std::size_t{8} << 20;
constexpr long upload_buffer_bytes = 256L << 10;
constexpr long receive_buffer_bytes = 128L << 10;
constexpr std::chrono::seconds slow_stall{300};
constexpr long bytes_a_second_min = 1'024;

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_time_out(CURLcode code) {
  return code == CURLE_OPERATION_TIMEDOUT;
}

}  // namespace

CurlHandle make_curl_handle() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  require(started == CURLE_OK, "libcurl can be started");
  CurlHandle handle(curl_easy_init());
  require(handle != nullptr, "there is memory for a libcurl handle");
  return handle;
}

bool may_be_repeated(S3Fate fate) {
  switch (fate) {
    case S3Fate::throttled:
    case S3Fate::broken:
    case S3Fate::unanswered:
    case S3Fate::timed_out:
      return true;
    case S3Fate::answered:
    case S3Fate::cancelled:
    case S3Fate::refused:
      return false;
  }
  return false;
}

std::string_view result_label(S3Fate fate, int status) {
  switch (fate) {
    case S3Fate::throttled:
      return "throttled";
    case S3Fate::broken:
      return "server_error";
    case S3Fate::unanswered:
      return "connection";
    case S3Fate::timed_out:
      return "timeout";
    case S3Fate::cancelled:
    case S3Fate::refused:
      return "cancelled";
    case S3Fate::answered:
      break;
  }
  if (status < 400) return "ok";
  if (status == 404) return "not_found";
  return status == 412 ? "exists" : "refused";
}

S3Transfer::S3Transfer(CURL* handle, const S3Settings& settings, const S3Request& request,
                       std::uint64_t skip, bool ask_range, std::stop_token stop)
    : handle_(handle),
      settings_(settings),
      request_(request),
      skip_(skip),
      ask_range_(ask_range),
      stop_(std::move(stop)) {}

void S3Transfer::prepare(std::chrono::milliseconds time_max) {
  curl_easy_reset(handle_);  // keeps its connection
  std::string url = settings_.place.base_url();
  url.append("/").append(request_.key);
  if (!request_.query.empty()) url.append("?").append(request_.query);
  curl_easy_setopt(handle_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, reason_.data());
  if (!settings_.ca_file.empty())
    curl_easy_setopt(handle_, CURLOPT_CAINFO, settings_.ca_file.c_str());
  const std::string provider = "aws:amz:" + settings_.place.region + ":s3";
  curl_easy_setopt(handle_, CURLOPT_AWS_SIGV4, provider.c_str());
  curl_easy_setopt(handle_, CURLOPT_USERNAME, settings_.access_key.c_str());
  curl_easy_setopt(handle_, CURLOPT_PASSWORD, settings_.secret_key.c_str());
  const auto stall = request_.slow
                         ? std::max<std::chrono::milliseconds>(settings_.stall_timeout, slow_stall)
                         : settings_.stall_timeout;
  curl_easy_setopt(handle_, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(settings_.connect_timeout.count()));
  curl_easy_setopt(handle_, CURLOPT_LOW_SPEED_LIMIT, bytes_a_second_min);
  curl_easy_setopt(handle_, CURLOPT_LOW_SPEED_TIME,
                   std::max<long>(1, static_cast<long>(stall.count() / 1'000)));
  curl_easy_setopt(handle_, CURLOPT_TIMEOUT_MS, static_cast<long>(time_max.count()));
  curl_easy_setopt(handle_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle_, CURLOPT_BUFFERSIZE, receive_buffer_bytes);
  curl_easy_setopt(handle_, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle_, CURLOPT_WRITEDATA, this);
  if (stop_.stop_possible()) {
    curl_easy_setopt(handle_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle_, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(handle_, CURLOPT_XFERINFODATA, this);
  }
  set_headers();
  set_body();
}

void S3Transfer::set_headers() {
  const auto add = [this](const std::string& line) {
    curl_slist* const longer = curl_slist_append(headers_.get(), line.c_str());
    require(longer != nullptr, "there is memory for a header");
    static_cast<void>(headers_.release());
    headers_.reset(longer);
  };
  add("x-amz-content-sha256: " + request_.payload_sha256);
  if (!settings_.session_token.empty()) add("x-amz-security-token: " + settings_.session_token);
  for (const std::string& line : request_.headers) add(line);
  const std::uint64_t first = first_byte();
  if (ask_range_ && request_.range && request_.range->bytes != S3ByteRange::to_the_end)
    add(std::format("Range: bytes={}-{}", first,
                    request_.range->offset + request_.range->bytes - 1));
  else if (ask_range_ && first > 0)
    add(std::format("Range: bytes={}-", first));
  add("Expect:");  // S3 says what is wrong without being asked first
  add("Accept:");
  if (request_.body.bytes > 0) add("Content-Type: application/octet-stream");
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers_.get());
}

void S3Transfer::set_body() {
  if (request_.method == "GET") return;
  if (request_.method == "HEAD") {
    curl_easy_setopt(handle_, CURLOPT_NOBODY, 1L);
    return;
  }
  const std::string method(request_.method);
  curl_easy_setopt(handle_, CURLOPT_CUSTOMREQUEST, method.c_str());
  if (request_.method == "DELETE") return;
  curl_easy_setopt(handle_, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(handle_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.body.bytes));
  curl_easy_setopt(handle_, CURLOPT_UPLOAD_BUFFERSIZE, upload_buffer_bytes);
  curl_easy_setopt(handle_, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(handle_, CURLOPT_READDATA, this);
  curl_easy_setopt(handle_, CURLOPT_SEEKFUNCTION, on_seek);
  curl_easy_setopt(handle_, CURLOPT_SEEKDATA, this);
}

std::size_t S3Transfer::on_header(char* data, std::size_t size, std::size_t count, void* user) {
  std::string_view line(data, size * count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  static_cast<S3Transfer*>(user)->take_header(line);
  return size * count;
}

void S3Transfer::take_header(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    answer_ = {};  // an interim answer (100) comes before the one that counts
    const auto code = line.substr(std::min(line.find(' ') + 1, line.size())).substr(0, 3);
    answer_.status = number<int>(code).value_or(0);
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  auto value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  const std::string name = lowered(line.substr(0, colon));
  if (name == "etag") answer_.etag = value;
  if (name == "date") answer_.date = value;
  if (name == "last-modified") answer_.last_modified = value;
  if (name == "content-range") answer_.content_range = value;
  if (name == "x-amz-bucket-region") answer_.region = value;
  if (name == "content-length") answer_.content_length = number<std::uint64_t>(value);
  if (name == "retry-after") answer_.retry_after_s = number<std::uint32_t>(value);
}

std::uint64_t S3Transfer::first_byte() const {
  return (request_.range ? request_.range->offset : 0) + skip_;
}

/// Of the range, what has not been received yet.
std::uint64_t S3Transfer::range_left() const {
  if (!request_.range || request_.range->bytes == S3ByteRange::to_the_end) return UINT64_MAX;
  return request_.range->bytes - skip_ - received_;
}

/// A server that takes no ranges sends all of it.
bool S3Transfer::begins_rightly() {
  began_ = true;
  unwanted_ = answer_.status == 200 ? first_byte() : 0;
  wrong_range_ = answer_.status != 200 &&
                 !answer_.content_range.starts_with(std::format("bytes {}-", first_byte()));
  return !wrong_range_;
}

std::size_t S3Transfer::on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& self = *static_cast<S3Transfer*>(user);
  const std::string_view bytes(data, size * count);
  if (self.answer_.ok()) return self.take(bytes);
  if (self.answer_.body.size() + bytes.size() > body_bytes_max) return CURL_WRITEFUNC_ERROR;
  self.answer_.body += bytes;
  return bytes.size();
}

/// Bytes of a success.
std::size_t S3Transfer::take(std::string_view bytes) {
  if (!began_ && !begins_rightly()) return CURL_WRITEFUNC_ERROR;
  const auto before = static_cast<std::size_t>(std::min<std::uint64_t>(unwanted_, bytes.size()));
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size() - before, range_left()));
  const std::string_view piece = bytes.substr(before, wanted);
  const S3Taken taken =
      piece.empty() || !request_.sink ? S3Taken::all : request_.sink(as_bytes(piece));
  if (taken == S3Taken::later) return CURL_WRITEFUNC_PAUSE;
  sink_refused_ = taken == S3Taken::never;
  if (!request_.sink) {
    sink_refused_ = answer_.body.size() + piece.size() > body_bytes_max;
    if (!sink_refused_) answer_.body += piece;
  }
  if (sink_refused_) return CURL_WRITEFUNC_ERROR;
  unwanted_ -= before;
  received_ += piece.size();
  enough_ = before + wanted < bytes.size();
  return enough_ ? std::size_t{CURL_WRITEFUNC_ERROR} : bytes.size();
}

std::size_t S3Transfer::on_read(char* out, std::size_t size, std::size_t count, void* user) {
  auto& self = *static_cast<S3Transfer*>(user);
  const S3Body& body = self.request_.body;
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(size * count, body.bytes - self.sent_));
  if (wanted == 0) return 0;
  if (body.fd < 0) {
    std::memcpy(out, body.memory.data() + self.sent_, wanted);
    self.sent_ += wanted;
    return wanted;
  }
  while (true) {
    const ssize_t got = ::pread(body.fd, out, wanted, static_cast<off_t>(body.offset + self.sent_));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return CURL_READFUNC_ABORT;
    self.sent_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }
}

int S3Transfer::on_seek(void* user, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<S3Transfer*>(user)->sent_ = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int S3Transfer::on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<S3Transfer*>(user)->stop_.stop_requested() ? 1 : 0;
}

S3Fate S3Transfer::fate_of_status() {
  const int status = answer_.status;
  const auto document = answer_.ok() ? std::nullopt : parse_s3_error(answer_.body);
  const std::string code = document ? document->code : std::string{};
  said_ = std::format("HTTP {}{}{}", status, code.empty() ? "" : " ", code);
  if (document && !document->message.empty()) said_ += ": " + document->message;
  if (status == 429 || code == "SlowDown" || code == "Throttling" || code == "TooManyRequests")
    return S3Fate::throttled;
  // 409: two conditional writes of one key have met; 400 RequestTimeout: the body came too slowly.
  if (code == "RequestTimeout" || code == "OperationAborted" || status == 408 ||
      code == "ConditionalRequestConflict" || code == "InternalError")
    return S3Fate::broken;
  // What is not implemented will not be in a moment.
  return status >= 500 && status != 501 && status != 507 ? S3Fate::broken : S3Fate::answered;
}

S3Fate S3Transfer::finish(CURLcode code) {
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, nullptr);
  if ((code == CURLE_OK && answer_.status > 0) || enough_) return fate_of_status();
  // S3 may refuse a body before all of it was sent, and close.
  if (code != CURLE_OK && answer_.status >= 400 && !is_time_out(code)) return fate_of_status();
  said_ = reason_[0] != '\0' ? reason_.data() : curl_easy_strerror(code);
  if (wrong_range_) said_ = "it sent another range than it was asked for";
  if (code == CURLE_ABORTED_BY_CALLBACK) return S3Fate::cancelled;
  if (sink_refused_) return S3Fate::refused;
  return is_time_out(code) ? S3Fate::timed_out : S3Fate::unanswered;
}

}  // namespace calotype
