// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_streams.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/log.hpp"
#include "blobs/s3_transfer.hpp"

namespace calotype {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t buffer_bytes = std::size_t{256} << 10;
constexpr int poll_ms = 500;

}  // namespace

/// What the two ends of one stream share.
struct S3Streams::Flow {
  Flow(const BlobKey& blob_key, std::uint64_t from, std::uint64_t size, bool all)
      : key(blob_key), offset(from), bytes(size), whole(all), buffer(buffer_bytes) {}

  const BlobKey key;
  const std::uint64_t offset;
  const std::uint64_t bytes;
  const bool whole;

  std::mutex mutex;
  std::vector<char> buffer;  // a ring
  std::size_t first = 0;
  std::size_t filled = 0;
  bool paused = false;
  bool abandoned = false;
  bool ended = false;
  std::optional<Error> error;
  std::move_only_function<void()> ready;

  // The loop's alone.
  Sha256 hash;
  std::uint64_t arrived = 0;
  std::uint32_t attempt = 0;
  SteadyClock::time_point began;
  SteadyClock::time_point retry_at = SteadyClock::time_point::max();
  S3Request request;
  CurlHandle handle;
  std::unique_ptr<S3Transfer> transfer;

  void put(ByteSpan piece) {
    const auto* from = reinterpret_cast<const char*>(piece.data());
    std::size_t left = piece.size();
    while (left > 0) {
      const std::size_t at = (first + filled) % buffer.size();
      const std::size_t some = std::min(left, buffer.size() - at);
      std::memcpy(buffer.data() + at, from, some);
      filled += some;
      from += some;
      left -= some;
    }
  }

  std::size_t take(std::span<char> out) {
    std::size_t done = 0;
    while (done < out.size() && filled > 0) {
      const std::size_t some = std::min({out.size() - done, filled, buffer.size() - first});
      std::memcpy(out.data() + done, buffer.data() + first, some);
      first = (first + some) % buffer.size();
      filled -= some;
      done += some;
    }
    return done;
  }
};

/// The thread's state, and the letters to it.
struct S3Streams::Loop {
  explicit Loop(S3Client& s3) : client(s3), multi(curl_multi_init()) {
    require(multi != nullptr, "libcurl can be started");
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 64L);
  }
  ~Loop() { curl_multi_cleanup(multi); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void tell(std::vector<std::shared_ptr<Flow>> Loop::* list, std::shared_ptr<Flow> flow) {
    {
      const std::lock_guard lock(mutex);
      (this->*list).push_back(std::move(flow));
    }
    curl_multi_wakeup(multi);
  }

  void run();
  void read_letters();
  void start(const std::shared_ptr<Flow>& flow);
  S3Taken take_in(Flow& flow, ByteSpan piece);
  void land();
  void finish(const std::shared_ptr<Flow>& flow, CURLcode code);
  void release(Flow& flow);
  void end(const std::shared_ptr<Flow>& flow, std::optional<Error> error);
  void retry_due();

  S3Client& client;
  CURLM* const multi;

  std::mutex mutex;
  std::vector<std::shared_ptr<Flow>> opened;
  std::vector<std::shared_ptr<Flow>> resumed;
  std::vector<std::shared_ptr<Flow>> dropped;
  std::size_t count = 0;
  bool stopping = false;
  bool ended = false;

  std::set<std::shared_ptr<Flow>> flows;
  std::map<CURL*, std::shared_ptr<Flow>> running;
  std::vector<CurlHandle> idle;
};

class S3Streams::Stream final : public BlobStream {
 public:
  Stream(std::shared_ptr<Loop> loop, std::shared_ptr<Flow> flow)
      : loop_(std::move(loop)), flow_(std::move(flow)) {}

  ~Stream() override {
    {
      const std::lock_guard lock(flow_->mutex);
      flow_->abandoned = true;
      flow_->ready = nullptr;
    }
    loop_->tell(&Loop::dropped, flow_);
  }

  Result<std::size_t> read_some(std::span<char> out) override {
    bool resume = false;
    std::size_t got = 0;
    {
      const std::lock_guard lock(flow_->mutex);
      got = flow_->take(out);
      if (got == 0 && flow_->error) return std::unexpected(*flow_->error);
      resume = flow_->paused && flow_->filled <= buffer_bytes / 2;
      if (resume) flow_->paused = false;
    }
    if (resume) loop_->tell(&Loop::resumed, flow_);
    return got;
  }

  void when_ready(std::move_only_function<void()> ready) override {
    {
      const std::lock_guard lock(flow_->mutex);
      if (flow_->filled == 0 && !flow_->ended && !flow_->error) {
        flow_->ready = std::move(ready);
        return;
      }
    }
    ready();
  }

 private:
  // Shared: the loop outlives whichever of its thread and its streams goes last.
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Flow> flow_;
};

void S3Streams::Loop::run() {
  while (true) {
    read_letters();
    {
      const std::lock_guard lock(mutex);
      if (ended && flows.empty() && opened.empty()) return;
    }
    int still = 0;
    curl_multi_perform(multi, &still);
    land();
    retry_due();
    curl_multi_poll(multi, nullptr, 0, poll_ms, nullptr);
  }
}

void S3Streams::Loop::read_letters() {
  std::vector<std::shared_ptr<Flow>> fresh;
  std::vector<std::shared_ptr<Flow>> going_on;
  std::vector<std::shared_ptr<Flow>> gone;
  bool stop = false;
  {
    const std::lock_guard lock(mutex);
    fresh.swap(opened);
    going_on.swap(resumed);
    gone.swap(dropped);
    stop = stopping;
  }
  for (const auto& flow : fresh) {
    flows.insert(flow);
    start(flow);
  }
  for (const auto& flow : going_on)
    if (flow->handle) curl_easy_pause(flow->handle.get(), CURLPAUSE_CONT);
  for (const auto& flow : gone) end(flow, std::nullopt);
  if (!stop) return;
  const auto all = flows;
  for (const auto& flow : all)
    end(flow, fail(ErrorCode::cancelled, "The server is stopping.").error());
}

void S3Streams::Loop::start(const std::shared_ptr<Flow>& flow) {
  flow->retry_at = SteadyClock::time_point::max();
  if (idle.empty()) {
    flow->handle = make_curl_handle();
  } else {
    flow->handle = std::move(idle.back());
    idle.pop_back();
  }
  ++flow->attempt;
  flow->began = SteadyClock::now();
  flow->request = {
      .operation = S3Operation::get,
      .key = client.settings().place.prefix + flow->key.text(),
      .range = S3ByteRange{flow->offset, flow->bytes},
      .sink = [this, raw = flow.get()](ByteSpan piece) { return take_in(*raw, piece); }};
  flow->transfer =
      std::make_unique<S3Transfer>(flow->handle.get(), client.settings(), flow->request,
                                   flow->arrived, client.trusts_ranges(), std::stop_token{});
  flow->transfer->prepare({});
  running.emplace(flow->handle.get(), flow);
  curl_multi_add_handle(multi, flow->handle.get());
}

/// Called by libcurl, inside perform or pause.
S3Taken S3Streams::Loop::take_in(Flow& flow, ByteSpan piece) {
  std::move_only_function<void()> ready;
  {
    const std::lock_guard lock(flow.mutex);
    if (flow.abandoned || flow.arrived + piece.size() > flow.bytes) return S3Taken::never;
    if (flow.filled + piece.size() > flow.buffer.size() && flow.filled > 0) {
      flow.paused = true;
      return S3Taken::later;
    }
    if (flow.whole) flow.hash.update(piece);
    flow.arrived += piece.size();
    if (flow.whole && flow.arrived == flow.bytes && flow.hash.finish() != flow.key.digest()) {
      flow.error =
          fail(ErrorCode::blob_corrupt, "Stored bytes differ from their hash.", flow.key.text())
              .error();
    } else {
      flow.put(piece);
    }
    ready = std::exchange(flow.ready, nullptr);
  }
  if (ready) ready();
  return S3Taken::all;
}

void S3Streams::Loop::land() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const auto place = running.find(message->easy_handle);
    if (place != running.end()) finish(std::shared_ptr(place->second), message->data.result);
  }
}

void S3Streams::Loop::release(Flow& flow) {
  if (!flow.handle) return;
  curl_multi_remove_handle(multi, flow.handle.get());
  running.erase(flow.handle.get());
  flow.transfer.reset();
  curl_easy_reset(flow.handle.get());
  idle.push_back(std::move(flow.handle));
}

void S3Streams::Loop::finish(const std::shared_ptr<Flow>& flow, CURLcode code) {
  S3Fate fate = flow->transfer->finish(code);
  const S3Answer answer = std::move(flow->transfer->answer());
  const std::string said = flow->transfer->said();
  const bool got_on = flow->transfer->received() > 0;
  release(*flow);
  client.metrics().count(S3Operation::get, result_label(fate, answer.status),
                         SteadyClock::now() - flow->began);
  if (fate == S3Fate::unanswered || fate == S3Fate::timed_out)
    client.breaker().failed(SteadyClock::now());
  else
    client.breaker().answered();
  if (fate == S3Fate::answered && answer.ok()) {
    if (flow->arrived == flow->bytes) return end(flow, std::nullopt);
    return end(
        flow, fail(ErrorCode::blob_corrupt, "Stored bytes are cut off.", flow->key.text()).error());
  }
  if (fate == S3Fate::answered) {
    const bool missing = answer.status == 404 && !client.config_fault(answer);
    const bool cut = answer.status == 416;
    if (missing)
      return end(
          flow, fail(ErrorCode::blob_not_found, "The bytes are not in the store.", flow->key.text())
                    .error());
    if (cut)
      return end(
          flow,
          fail(ErrorCode::blob_corrupt, "Stored bytes are cut off.", flow->key.text()).error());
    return end(flow, client.error_of(flow->request, answer));
  }
  if (got_on) flow->attempt = 1;
  if (may_be_repeated(fate) && flow->attempt < client.settings().attempts_max) {
    log::debug("a stream from S3 goes on", {{"key", flow->key.text()}, {"said", said}});
    flow->retry_at = SteadyClock::now() + client.pause_after(flow->attempt, answer);
    return;
  }
  end(flow, client.no_answer(flow->request, fate, said));
}

void S3Streams::Loop::retry_due() {
  const auto now = SteadyClock::now();
  for (const auto& flow : flows)
    if (flow->retry_at <= now) start(flow);
}

void S3Streams::Loop::end(const std::shared_ptr<Flow>& flow, std::optional<Error> error) {
  release(*flow);
  if (flows.erase(flow) > 0) {
    const std::lock_guard lock(mutex);
    --count;
  }
  std::move_only_function<void()> ready;
  {
    const std::lock_guard lock(flow->mutex);
    flow->ended = true;
    if (error && !flow->error) flow->error = std::move(error);
    ready = std::exchange(flow->ready, nullptr);
  }
  if (ready) ready();
}

S3Streams::S3Streams(S3Client& client) : client_(client), loop_(std::make_shared<Loop>(client)) {
  thread_ = std::thread([loop = loop_] { loop->run(); });
  pthread_setname_np(thread_.native_handle(), "s3-streams");
}

S3Streams::~S3Streams() {
  interrupt();
  {
    const std::lock_guard lock(loop_->mutex);
    loop_->ended = true;
  }
  curl_multi_wakeup(loop_->multi);
  thread_.join();
}

void S3Streams::interrupt() {
  {
    const std::lock_guard lock(loop_->mutex);
    loop_->stopping = true;
  }
  curl_multi_wakeup(loop_->multi);
}

Result<std::unique_ptr<BlobStream>> S3Streams::open(const BlobKey& key, std::uint64_t offset,
                                                    std::uint64_t bytes, bool whole) {
  require(bytes > 0, "a stream has bytes");
  if (!client_.breaker().admits(SteadyClock::now()))
    return std::unexpected(client_.no_answer({}, S3Fate::unanswered, "it has not answered lately"));
  {
    const std::lock_guard lock(loop_->mutex);
    if (loop_->stopping) return fail(ErrorCode::cancelled, "The server is stopping.");
    if (loop_->count >= client_.settings().streams_max)
      return fail(ErrorCode::overloaded, "Too many files are being sent from the store. Try again.",
                  "blobs.streams_max");
    ++loop_->count;
  }
  auto flow = std::make_shared<Flow>(key, offset, bytes, whole);
  loop_->tell(&Loop::opened, flow);
  return std::unique_ptr<BlobStream>(std::make_unique<Stream>(loop_, std::move(flow)));
}

}  // namespace calotype
