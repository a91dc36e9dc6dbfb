// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_client.hpp"

#include <algorithm>
#include <bit>
#include <format>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "blobs/s3_transfer.hpp"
#include "blobs/s3_xml.hpp"

namespace calotype {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds pause_first{100};
constexpr milliseconds pause_max{5'000};
constexpr std::uint64_t bytes_a_second_min = std::uint64_t{256} << 10;
constexpr std::uint32_t failures_until_shut = 16;
constexpr std::chrono::seconds shut_for{1};

/// For a request and all its attempts.
milliseconds time_for(const S3Settings& settings, const S3Request& request) {
  const std::uint64_t bytes = request.body.bytes + request.bytes_expected;
  return settings.request_timeout * (request.slow ? 10 : 1) +
         std::chrono::seconds(bytes / bytes_a_second_min);
}

std::string public_message(S3Operation operation) {
  switch (operation) {
    case S3Operation::get:
    case S3Operation::head:
    case S3Operation::list:
    case S3Operation::list_multiparts:
      return "The bytes cannot be read now.";
    case S3Operation::remove:
    case S3Operation::abort_multipart:
      return "The bytes cannot be removed now.";
    case S3Operation::put:
    case S3Operation::copy:
    case S3Operation::create_multipart:
    case S3Operation::put_part:
    case S3Operation::complete_multipart:
      return "The bytes cannot be stored now.";
    case S3Operation::lifecycle:
    case S3Operation::check:
      return "The store of the bytes cannot be reached now.";
  }
  return {};
}

}  // namespace

std::string_view to_string(S3Operation operation) {
  constexpr std::array<std::string_view, s3_operation_count> names = {"put",
                                                                      "get",
                                                                      "head",
                                                                      "delete",
                                                                      "copy",
                                                                      "list",
                                                                      "create_multipart",
                                                                      "put_part",
                                                                      "complete_multipart",
                                                                      "abort_multipart",
                                                                      "list_multiparts",
                                                                      "lifecycle",
                                                                      "check"};
  return names[static_cast<std::size_t>(operation)];
}

std::string url_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', digits[byte >> 4U], digits[byte & 15U]});
  }
  return out;
}

void S3Metrics::count(S3Operation operation, std::string_view result,
                      SteadyClock::duration elapsed) {
  const std::string name(to_string(operation));
  auto& duration = durations_[static_cast<std::size_t>(operation)];
  Histogram* histogram = duration.load();
  if (histogram == nullptr) {
    histogram = &metrics_.duration("s3_request_duration_seconds", "One attempt at a request to S3.",
                                   {{"operation", name}});
    duration = histogram;
  }
  histogram->observe(elapsed);
  const std::lock_guard lock(mutex_);
  Counter*& counter = counters_[{operation, result}];
  if (counter == nullptr)
    counter = &metrics_.counter("s3_requests_total", "Attempts at requests to S3.",
                                {{"operation", name}, {"result", std::string(result)}});
  counter->add();
}

bool S3Breaker::admits(Time now) {
  if (failures_ < failures_until_shut) return true;
  auto until = shut_until_.load();
  if (now.time_since_epoch().count() < until) return false;
  // Whoever sets the next date is the one that finds out.
  return shut_until_.compare_exchange_strong(until, (now + shut_for).time_since_epoch().count());
}

bool S3Breaker::is_shut() const {
  return failures_ >= failures_until_shut;
}

void S3Breaker::answered() {
  if (failures_.load(std::memory_order_relaxed) != 0) failures_ = 0;
}

void S3Breaker::failed(Time now) {
  if (++failures_ == failures_until_shut) shut_until_ = (now + shut_for).time_since_epoch().count();
}

/// The handles that nobody uses, each with its connection; the one that was used last comes first,
/// so that those that are not needed grow old and are closed.
struct S3Client::Handles {
  explicit Handles(std::size_t handles_max) : max(handles_max) {}

  /// Nothing where none became free in time.
  CurlHandle take(SteadyClock::time_point deadline, const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    const bool there =
        freed.wait_until(lock, stop, deadline, [this] { return !idle.empty() || taken < max; });
    if (!there) return nullptr;
    ++taken;
    if (idle.empty()) return make_curl_handle();
    CurlHandle handle = std::move(idle.back());
    idle.pop_back();
    return handle;
  }

  void give_back(CurlHandle handle) {
    {
      const std::lock_guard lock(mutex);
      --taken;
      idle.push_back(std::move(handle));
    }
    freed.notify_one();
  }

  const std::size_t max;
  std::mutex mutex;
  std::condition_variable_any freed;
  std::vector<CurlHandle> idle;
  std::size_t taken = 0;
};

struct S3Client::Attempt {
  S3Fate fate = S3Fate::unanswered;
  S3Answer answer{};
  std::uint64_t received = 0;
  std::string said{};
  bool without_handle = false;
};

S3Client::S3Client(const S3Settings& settings, Metrics& metrics)
    : settings_(settings),
      metrics_(metrics),
      handles_(std::make_unique<Handles>(settings.connections_max)) {
  std::array<std::byte, 8> seed{};
  random_bytes(seed);
  random_ = std::bit_cast<std::uint64_t>(seed);
}

S3Client::~S3Client() = default;

S3Client::Attempt S3Client::attempt(const S3Request& request, std::uint64_t skip,
                                    const std::stop_token& stop, SteadyClock::time_point deadline) {
  CurlHandle handle = handles_->take(deadline, stop);
  if (!handle) {
    Attempt none;
    none.fate = stop.stop_requested() ? S3Fate::cancelled : S3Fate::throttled;
    none.without_handle = true;
    return none;
  }
  const auto began = SteadyClock::now();
  const auto left = std::chrono::ceil<milliseconds>(deadline - began);
  S3Transfer transfer(handle.get(), settings_, request, skip,
                      trusts_ranges_ || request.probes_range, stop);
  transfer.prepare(request.open_ended ? milliseconds{0} : std::max(left, milliseconds{1}));
  const CURLcode code = curl_easy_perform(handle.get());
  Attempt done{.fate = transfer.finish(code),
               .answer = std::move(transfer.answer()),
               .received = transfer.received(),
               .said = transfer.said()};
  handles_->give_back(std::move(handle));
  metrics_.count(request.operation, result_label(done.fate, done.answer.status),
                 SteadyClock::now() - began);
  if (done.fate == S3Fate::unanswered || done.fate == S3Fate::timed_out)
    breaker_.failed(SteadyClock::now());
  else
    breaker_.answered();
  return done;
}

Result<S3Answer> S3Client::send(const S3Request& request, const std::stop_token& stop) {
  const auto began = SteadyClock::now();
  auto deadline = began + time_for(settings_, request);
  if (!request.urgent && !breaker_.admits(began))
    return std::unexpected(no_answer(request, S3Fate::unanswered, "it has not answered lately"));
  const bool only_once = request.urgent || breaker_.is_shut();
  std::uint64_t received = 0;
  for (std::uint32_t turn = 1;; ++turn) {
    Attempt done = attempt(request, received, stop, deadline);
    if (done.without_handle && done.fate != S3Fate::cancelled)
      return fail(ErrorCode::overloaded, "Too much is on its way to the store. Try again.",
                  "every connection to S3 (blobs.connections_max) was in use");
    if (request.sink) received += done.received;
    if (!may_be_repeated(done.fate)) {
      if (done.fate == S3Fate::answered) return std::move(done.answer);
      return std::unexpected(no_answer(request, done.fate, done.said));
    }
    // It gets on; an answer in memory begins anew.
    if (request.sink && done.received > 0) {
      turn = 1;
      if (request.open_ended) deadline = SteadyClock::now() + settings_.request_timeout;
    }
    const milliseconds pause = pause_after(turn, done.answer);
    const bool last =
        only_once || turn >= settings_.attempts_max || SteadyClock::now() + pause >= deadline;
    if (last) {
      Error error = no_answer(request, done.fate, done.said);
      tell_of_outage(error);
      return std::unexpected(std::move(error));
    }
    log::debug("a request to S3 is repeated", {{"operation", to_string(request.operation)},
                                               {"key", request.key},
                                               {"attempt", turn},
                                               {"said", done.said}});
    if (!sleep(pause, stop))
      return std::unexpected(no_answer(request, S3Fate::cancelled, "stopping"));
  }
}

/// False where the wait was cut short by `stop`.
bool S3Client::sleep(milliseconds time, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

milliseconds S3Client::pause_after(std::uint32_t attempt, const S3Answer& answer) {
  const milliseconds ceiling =
      std::min(pause_first * (1U << std::min<std::uint32_t>(attempt - 1, 8)), pause_max);
  // SplitMix64 of a counter: no lock, and no two servers in step.
  std::uint64_t mixed = random_.fetch_add(0x9e3779b97f4a7c15);
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111eb;
  mixed ^= mixed >> 31U;
  const auto spread = static_cast<std::uint64_t>(ceiling.count());
  milliseconds pause{static_cast<std::int64_t>(spread / 4 + mixed % (spread - spread / 4 + 1))};
  if (answer.retry_after_s)
    pause = std::max(
        pause, std::min<milliseconds>(std::chrono::seconds(*answer.retry_after_s), pause_max));
  return pause;
}

/// All that may pass is `overloaded`: nothing was done, and a job that meets it is put back without
/// an attempt being counted, however long S3 stays away.
Error S3Client::no_answer(const S3Request& request, S3Fate fate, std::string_view said) const {
  if (fate == S3Fate::cancelled || fate == S3Fate::refused)
    return fail(ErrorCode::cancelled, "The transfer was stopped.", std::string(said)).error();
  const std::string_view what = fate == S3Fate::throttled   ? "asks to slow down"
                                : fate == S3Fate::broken    ? "fails"
                                : fate == S3Fate::timed_out ? "does not answer in time"
                                                            : "does not answer";
  return fail(ErrorCode::overloaded, public_message(request.operation),
              std::format("S3 at {} {} ({})", settings_.place.endpoint, what, said))
      .error();
}

/// At most one line in a while, whatever the load.
void S3Client::tell_of_outage(const Error& error) {
  constexpr std::chrono::seconds silence{10};
  const auto now = SteadyClock::now().time_since_epoch();
  auto until = silent_until_.load();
  if (now.count() < until) return;
  if (silent_until_.compare_exchange_strong(until, (now + silence).count()))
    log::error("S3 does not do what it is asked for", {{"error", error}});
}

std::optional<std::string> S3Client::config_fault(const S3Answer& answer) const {
  const S3Place& place = settings_.place;
  const std::string key_name = settings_.access_key.substr(0, 4) + "…";
  const auto document = parse_s3_error(answer.body);
  const std::string code = document ? document->code : std::string{};
  const std::string region =
      document && !document->region.empty() ? document->region : answer.region;
  if (code == "NoSuchBucket")
    return std::format("S3 at {} has no bucket {}. Make it, or correct `blobs`.", place.endpoint,
                       place.bucket);
  if (code == "InvalidAccessKeyId")
    return std::format(
        "S3 at {} does not know the access key {}. Correct blobs.access_key or "
        "AWS_ACCESS_KEY_ID.",
        place.endpoint, key_name);
  if (code == "SignatureDoesNotMatch")
    return std::format(
        "S3 at {} refuses the signature: the secret key is not that of the access "
        "key {}. Correct blobs.secret_key or AWS_SECRET_ACCESS_KEY.",
        place.endpoint, key_name);
  if (code == "ExpiredToken" || code == "InvalidToken")
    return std::format(
        "S3 at {} refuses the session token ({}). Renew blobs.session_token or "
        "AWS_SESSION_TOKEN.",
        place.endpoint, code);
  if (code == "RequestTimeTooSkewed")
    return std::format(
        "This machine's clock and that of S3 at {} are too far apart; there it is "
        "{}. Set the clock.",
        place.endpoint, answer.date);
  if (code == "AuthorizationHeaderMalformed" || code == "PermanentRedirect" ||
      code == "IllegalLocationConstraintException" || answer.status == 301 || answer.status == 307)
    return std::format(
        "The bucket {} is not in the region {}{}. Correct region (or endpoint) in "
        "`blobs`.",
        place.bucket, place.region, region.empty() ? std::string{} : " but in " + region);
  if (code == "AccessDenied")
    return std::format("The access key {} may not do this in the bucket {} of S3 at {}.", key_name,
                       place.bucket, place.endpoint);
  if (!answer.ok() && !document && !answer.body.empty())
    return std::format(
        "What listens at {} answers HTTP {}, but not as S3 does. Correct endpoint in "
        "`blobs`.",
        place.endpoint, answer.status);
  return std::nullopt;
}

Error S3Client::error_of(const S3Request& request, const S3Answer& answer) const {
  const auto document = parse_s3_error(answer.body);
  const std::string code = document ? document->code : std::string{};
  const auto fault = config_fault(answer);
  const std::string detail =
      fault ? *fault
            : std::format("S3 at {} answers {} of {} with HTTP {} {}", settings_.place.endpoint,
                          to_string(request.operation), request.key, answer.status, code);
  if (answer.status == 507 || code == "QuotaExceeded")
    return fail(ErrorCode::insufficient_storage, "The store has no space left.", detail).error();
  return fail(ErrorCode::storage_failed, public_message(request.operation), detail).error();
}

}  // namespace calotype
