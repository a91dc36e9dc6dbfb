// SPDX-License-Identifier: Apache-2.0
// Files from URLs that somebody else has written, without becoming his tool: only hosts that the
// operator has named (fetch.allow), only http and https, and only addresses that are public or
// named too. The address is judged in the very call that makes the socket to it, so that a name
// which resolves to something else a moment later gains nothing; every redirect begins anew, with
// all of it. No proxy of the environment, no credentials, no decompression; bounded in bytes, time,
// slowness and redirects.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/encoding.hpp"
#include "base/error.hpp"

namespace calotype {

struct FetchSettings {
  std::vector<std::string> allow;            // HostPattern; none: nothing is fetched
  std::vector<std::string> allow_addresses;  // AddressRange, besides public ones
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds stall_timeout{15'000};  // below 1 KiB a second for so long; in seconds
  std::chrono::milliseconds timeout{300'000};       // with every redirect
  std::size_t redirects_max = 5;
  std::size_t at_once = 16;
  std::uint64_t bytes_max = 16ULL << 30;
  std::string ca_file;  // empty: the system's
};

class UrlFetcher {
 public:
  /// bad_config, naming the setting.
  static Result<std::unique_ptr<UrlFetcher>> make(const FetchSettings& settings);
  ~UrlFetcher();
  UrlFetcher(const UrlFetcher&) = delete;
  UrlFetcher& operator=(const UrlFetcher&) = delete;

  struct Fetched {
    std::string content_disposition;  // of the answer; empty where it has none
    std::string path_name;            // the last part of the final URL's path, decoded
  };
  using Sink = std::function<Result<void>(ByteSpan)>;
  /// Blocks. Gives all bytes of a 200 to the sink, in order. url_not_allowed (host, address,
  /// scheme), bad_request (no URL, or one with credentials), fetch_failed (what the other server
  /// answered, or that it did not), too_large, timeout, cancelled, overloaded; the sink's errors.
  Result<Fetched> fetch(const std::string& url, const Sink& sink, const std::stop_token& stop);

 private:
  struct State;
  explicit UrlFetcher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace calotype
