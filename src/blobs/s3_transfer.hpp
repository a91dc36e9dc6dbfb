// SPDX-License-Identifier: Apache-2.0
// One attempt at a request, on one libcurl handle: what is set before it, what is gathered while it
// runs, what has become of it. Who runs it (a thread that waits, or the one that runs all streams)
// is not its concern.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <stop_token>

#include "blobs/s3_request.hpp"
#include "blobs/s3_settings.hpp"

namespace calotype {

struct CurlDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using CurlHandle = std::unique_ptr<CURL, CurlDeleter>;
CurlHandle make_curl_handle();

/// What has become of an attempt.
enum class S3Fate : std::uint8_t {
  answered,  // by a status that a further attempt would not change
  throttled,
  broken,      // S3 answered that it is at fault (5xx)
  unanswered,  // connection refused, reset, cut
  timed_out,
  cancelled,  // by the stop token
  refused,    // by the sink
};
bool may_be_repeated(S3Fate fate);
/// The metrics' label: "ok", "not_found", "throttled", …
std::string_view result_label(S3Fate fate, int status);

class S3Transfer {
 public:
  /// `skip`: so many bytes of the request's range have been received by earlier attempts.
  /// `ask_range`: whether S3 is asked for the range, or for all of the object, of which the rest is
  /// thrown away. All that is given outlives it; it must not move while it runs.
  S3Transfer(CURL* handle, const S3Settings& settings, const S3Request& request, std::uint64_t skip,
             bool ask_range, std::stop_token stop);
  S3Transfer(const S3Transfer&) = delete;
  S3Transfer& operator=(const S3Transfer&) = delete;

  /// Sets the handle up. `time_max` zero: none but for connecting and stalling.
  void prepare(std::chrono::milliseconds time_max);
  /// After the transfer has ended so.
  S3Fate finish(CURLcode code);

  S3Answer& answer() { return answer_; }
  /// What has reached the sink in this attempt.
  std::uint64_t received() const { return received_; }
  /// What the library or S3 says of it, for people.
  const std::string& said() const { return said_; }

 private:
  struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user);
  static std::size_t on_read(char* out, std::size_t size, std::size_t count, void* user);
  static int on_seek(void* user, curl_off_t offset, int origin);
  static int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

  void set_headers();
  void set_body();
  std::uint64_t first_byte() const;
  std::uint64_t range_left() const;
  bool begins_rightly();
  std::size_t take(std::string_view bytes);
  void take_header(std::string_view line);
  S3Fate fate_of_status();

  CURL* const handle_;
  const S3Settings& settings_;
  const S3Request& request_;
  const std::uint64_t skip_;
  const bool ask_range_;
  const std::stop_token stop_;
  std::unique_ptr<curl_slist, ListDeleter> headers_;
  S3Answer answer_;
  bool began_ = false;          // the body of a success
  std::uint64_t unwanted_ = 0;  // bytes that come before those that were asked for
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
  bool sink_refused_ = false;
  bool wrong_range_ = false;
  bool enough_ = false;  // the rest is not wanted
  std::string said_;
  std::array<char, CURL_ERROR_SIZE> reason_{};
};

}  // namespace calotype
