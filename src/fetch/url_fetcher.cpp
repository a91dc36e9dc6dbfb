// SPDX-License-Identifier: Apache-2.0
#include "fetch/url_fetcher.hpp"

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <format>
#include <optional>

#include "fetch/address_rules.hpp"

namespace calotype {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t url_bytes_max = 8 << 10;
constexpr std::uint64_t unwanted_bytes_max = 64 << 10;  // of an answer that is no 200
constexpr long low_speed_bytes = 1024;

struct CurlFree {
  void operator()(char* text) const { curl_free(text); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// A URL that may be asked, taken apart.
struct Target {
  std::string url;  // as libcurl writes it
  std::string host;
  std::uint16_t port = 0;  // 0: the scheme's own
  std::string path;
};

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, CurlFree> owned(text);
  return text;
}

Result<Target> parse_target(const std::string& text) {
  const auto refuse = [](std::string why) { return fail(ErrorCode::bad_request, std::move(why)); };
  if (text.size() > url_bytes_max) return refuse("The URL is too long.");
  if (text.find_first_of(std::string_view("\0\r\n\t ", 5)) != text.npos)
    return refuse("The URL has characters that no URL has.");
  const std::unique_ptr<CURLU, CurlFree> url(curl_url());
  require(url != nullptr, "libcurl can be started");
  const CURLUcode code =
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) return refuse("The URL is not one such as https://example.org/photo.jpg.");
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https")
    return fail(ErrorCode::url_not_allowed, "Only http and https URLs are fetched.");
  if (!part_of(url.get(), CURLUPART_USER).empty() ||
      !part_of(url.get(), CURLUPART_PASSWORD).empty())
    return refuse("The URL has a user name or a password in it; those are not used.");
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  Target target{.url = part_of(url.get(), CURLUPART_URL),
                .host = part_of(url.get(), CURLUPART_HOST),
                .path = part_of(url.get(), CURLUPART_PATH, CURLU_URLDECODE)};
  if (target.host.empty()) return refuse("The URL names no host.");
  const std::string port = part_of(url.get(), CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
  std::from_chars(port.data(), port.data() + port.size(), target.port);
  return target;
}

/// What the callbacks of one request share.
struct Hop {
  const AddressRules& rules;
  const UrlFetcher::Sink& sink;
  const std::stop_token& stop;
  CURL* handle = nullptr;
  std::string refused_address;
  std::optional<Error> failed;
  std::uint64_t unwanted = 0;
  bool enough = false;  // of an answer that is no 200
  std::string encoding;
  std::string content_disposition;
};

curl_socket_t open_socket(void* user, curlsocktype purpose, curl_sockaddr* address) {
  Hop& hop = *static_cast<Hop*>(user);
  const auto ip = address_of(address->addr, address->addrlen);
  if (purpose != CURLSOCKTYPE_IPCXN || !ip || !hop.rules.allows(*ip)) {
    hop.refused_address = ip ? to_string(*ip) : "no Internet address";
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

long status_of(CURL* handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  Hop& hop = *static_cast<Hop*>(user);
  const std::size_t bytes = size * count;
  if (status_of(hop.handle) != 200) {
    hop.unwanted += bytes;
    hop.enough = hop.unwanted > unwanted_bytes_max;
    return hop.enough ? CURL_WRITEFUNC_ERROR : bytes;
  }
  if (!hop.encoding.empty()) return CURL_WRITEFUNC_ERROR;
  if (auto taken = hop.sink(as_bytes(std::string_view(data, bytes))); !taken) {
    hop.failed = std::move(taken).error();
    return CURL_WRITEFUNC_ERROR;
  }
  return bytes;
}

bool same_name(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  Hop& hop = *static_cast<Hop*>(user);
  std::string_view line(data, size * count);
  const auto colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    hop.encoding.clear();
    hop.content_disposition.clear();
  } else if (colon != line.npos) {
    const auto name = line.substr(0, colon);
    auto value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
      value.remove_prefix(1);
    while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' '))
      value.remove_suffix(1);
    if (same_name(name, "content-encoding") && !same_name(value, "identity")) hop.encoding = value;
    if (same_name(name, "content-disposition")) hop.content_disposition = value;
  }
  return size * count;
}

int look_up_from_work(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Hop*>(user)->stop.stop_requested() ? 1 : 0;
}

void set_up(CURL* handle, const FetchSettings& settings, const Target& target, Hop& hop,
            std::chrono::milliseconds left, char* reason) {
  const auto set = [handle](CURLoption option, auto value) {
    require(curl_easy_setopt(handle, option, value) == CURLE_OK, "libcurl knows the option");
  };
  set(CURLOPT_URL, target.url.c_str());
  set(CURLOPT_ERRORBUFFER, reason);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(CURLOPT_USERAGENT, "calotype");
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!settings.ca_file.empty()) set(CURLOPT_CAINFO, settings.ca_file.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(left.count())));
  set(CURLOPT_LOW_SPEED_LIMIT, low_speed_bytes);
  set(CURLOPT_LOW_SPEED_TIME,
      static_cast<long>(std::max<std::int64_t>(1, settings.stall_timeout.count() / 1000)));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(settings.bytes_max));
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, &hop);
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, &hop);
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, &hop);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, look_up_from_work);
  set(CURLOPT_XFERINFODATA, &hop);
}

/// What has become of a request that libcurl calls failed.
Error error_of(CURLcode code, const Hop& hop, const Target& target, const char* reason) {
  const auto error = [&](ErrorCode kind, std::string message) {
    return fail(kind, std::move(message), reason).error();
  };
  if (hop.failed) return *hop.failed;
  if (!hop.refused_address.empty() && code == CURLE_COULDNT_CONNECT)
    return error(ErrorCode::url_not_allowed,
                 target.host +
                     " leads to an address that is not public. fetch.allow_addresses "
                     "names those that may be fetched from all the same.");
  if (!hop.encoding.empty())
    return error(ErrorCode::fetch_failed,
                 target.host + " sent the file encoded, though it was asked for the file itself.");
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return error(ErrorCode::cancelled, "The client has gone, or the server is stopping.");
    case CURLE_OPERATION_TIMEDOUT:
      return error(ErrorCode::timeout, target.host + " took too long.");
    case CURLE_FILESIZE_EXCEEDED:
      return error(ErrorCode::too_large, target.host + " has a larger file than is accepted.");
    case CURLE_URL_MALFORMAT:
      return error(ErrorCode::fetch_failed, target.host + " is not the name of a host.");
    case CURLE_COULDNT_RESOLVE_HOST:
      return error(ErrorCode::fetch_failed, "There is no host " + target.host + ".");
    case CURLE_COULDNT_CONNECT:
      return error(ErrorCode::fetch_failed, target.host + " cannot be reached.");
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
      return error(ErrorCode::fetch_failed, target.host + " ended the answer early.");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
      return error(ErrorCode::fetch_failed, target.host + " cannot be trusted: its certificate.");
    default:
      return error(ErrorCode::fetch_failed, target.host + " answered what is no proper HTTP.");
  }
}

/// What was asked for was a URL; that what it leads to is none is not the client's fault.
Result<Target> parse_redirect(const Target& from, const std::string& text) {
  auto target = parse_target(text);
  if (target || target.error().code != ErrorCode::bad_request) return target;
  return fail(ErrorCode::fetch_failed, std::format("{} leads to a URL that is not fetched. {}",
                                                   from.host, target.error().message));
}

/// The last part of a path; empty where it ends in a slash.
std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

struct UrlFetcher::State {
  FetchSettings settings;
  AddressRules rules;
  std::vector<HostPattern> hosts;
  std::atomic<std::size_t> running = 0;

  Result<void> check_host(const Target& target) const {
    if (hosts.empty())
      return fail(ErrorCode::url_not_allowed,
                  "This server fetches from no URL: fetch.allow names the hosts that it may.");
    for (const HostPattern& pattern : hosts)
      if (pattern.matches(target.host, target.port)) return {};
    const std::string port = target.port == 0 ? "" : ":" + std::to_string(target.port);
    return fail(ErrorCode::url_not_allowed,
                target.host + port + " is none of the hosts that fetch.allow names.");
  }

  /// One request: the end of it, or where it leads to.
  struct Step {
    std::optional<std::string> next;
    Fetched fetched;
  };
  Result<Step> ask(const Target& target, const Sink& sink, const std::stop_token& stop,
                   SteadyClock::time_point deadline);
};

Result<UrlFetcher::State::Step> UrlFetcher::State::ask(const Target& target, const Sink& sink,
                                                       const std::stop_token& stop,
                                                       SteadyClock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
  if (left.count() <= 0) return fail(ErrorCode::timeout, target.host + " took too long.");
  const std::unique_ptr<CURL, CurlFree> handle(curl_easy_init());
  require(handle != nullptr, "libcurl can be started");
  std::array<char, CURL_ERROR_SIZE> reason{};
  Hop hop{.rules = rules,
          .sink = sink,
          .stop = stop,
          .handle = handle.get(),
          .refused_address = {},
          .failed = {},
          .encoding = {},
          .content_disposition = {}};
  set_up(handle.get(), settings, target, hop, left, reason.data());
  const std::unique_ptr<curl_slist, CurlFree> headers(
      curl_slist_append(nullptr, "Accept-Encoding: identity"));
  curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl_easy_perform(handle.get());
  const long status = status_of(handle.get());
  if (code != CURLE_OK && !(hop.enough && code == CURLE_WRITE_ERROR))
    return std::unexpected(error_of(code, hop, target, reason.data()));
  char* location = nullptr;
  curl_easy_getinfo(handle.get(), CURLINFO_REDIRECT_URL, &location);
  if (status >= 300 && status < 400 && location != nullptr)
    return Step{.next = std::string(location), .fetched = {}};
  if (status != 200)
    return fail(ErrorCode::fetch_failed, std::format("{} answered {}.", target.host, status));
  if (!hop.encoding.empty())  // and without a body
    return std::unexpected(error_of(CURLE_WRITE_ERROR, hop, target, ""));
  return Step{.next = std::nullopt, .fetched = {hop.content_disposition, name_in(target.path)}};
}

UrlFetcher::UrlFetcher(std::unique_ptr<State> state) : state_(std::move(state)) {}
UrlFetcher::~UrlFetcher() = default;

Result<std::unique_ptr<UrlFetcher>> UrlFetcher::make(const FetchSettings& settings) {
  auto state = std::make_unique<State>();
  state->settings = settings;
  TRY(state->rules, AddressRules::make(settings.allow_addresses));
  for (const std::string& text : settings.allow) {
    TRY(HostPattern pattern, HostPattern::parse(text));
    state->hosts.push_back(std::move(pattern));
  }
  return std::unique_ptr<UrlFetcher>(new UrlFetcher(std::move(state)));
}

Result<UrlFetcher::Fetched> UrlFetcher::fetch(const std::string& url, const Sink& sink,
                                              const std::stop_token& stop) {
  struct Turn {
    explicit Turn(std::atomic<std::size_t>& number) : running(number), count(++number) {}
    ~Turn() { --running; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    std::atomic<std::size_t>& running;
    const std::size_t count;
  };
  const Turn turn(state_->running);
  if (turn.count > state_->settings.at_once)
    return fail(ErrorCode::overloaded, "Too many URLs are being fetched. Try again shortly.");
  const auto deadline = SteadyClock::now() + state_->settings.timeout;
  TRY(Target target, parse_target(url));
  for (std::size_t redirects = 0;; ++redirects) {
    TRY_VOID(state_->check_host(target));
    TRY(auto step, state_->ask(target, sink, stop, deadline));
    if (!step.next) return std::move(step.fetched);
    if (redirects == state_->settings.redirects_max)
      return fail(ErrorCode::fetch_failed,
                  std::format("{} leads on after {} redirects.", target.host, redirects));
    TRY(target, parse_redirect(target, *step.next));
  }
}

}  // namespace calotype
