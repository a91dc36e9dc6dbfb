// SPDX-License-Identifier: Apache-2.0
// What a route gets and what it gives. Routes are plain synchronous functions from a request to an
// answer; they may block, because the connection runs them on a pool. Two things take longer than a
// pool's thread should wait: a picture that has yet to be made, which is answered by an order that
// the connection waits for, and an upload's body, which is fed to a sink.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "http/event_feed.hpp"
#include "http/health.hpp"
#include "http/hot_index.hpp"
#include "http/key_ring.hpp"
#include "http/possession.hpp"
#include "http/request_head.hpp"
#include "http/response.hpp"
#include "http/server.hpp"
#include "pipeline/deliver.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/resumable_uploads.hpp"

namespace calotype {

/// Everything that a route may reach.
struct Site {
  const HttpSettings& settings;
  const Services& services;
  HotIndex& hot;
  KeyRing& keys;
  const Health& health;
  const Possession& possession;
  EventFeed& events;

  /// The asset was deleted through this server: nothing that is remembered of it is served.
  void forget(const AssetId& id) const;
  /// A URL of ours as clients get it: signed where URLs have to be.
  std::string public_url(std::string_view target) const;
  /// /v/… of a preset; with the format `auto` where the preset leaves it to Accept.
  /// The version is the best among those stored.
  std::string preset_url(const AssetRow& asset, std::string_view name, const Recipe& recipe,
                         const std::vector<VariantRow>& stored) const;
};

/// As many placeholders as a pattern has at most.
using RouteArguments = std::array<std::string_view, 5>;

/// One request, while it is being answered. The head's views stay valid until then.
struct Exchange {
  const RequestHead& head;
  RouteArguments arguments;  // what the pattern's placeholders stand for, raw
  Principal principal;
  std::string body;  // small ones; an upload's goes to its sink
};

/// A picture that has to be made first.
struct PictureOrder {
  RenderOrder order;
  std::move_only_function<Response(const Result<Picture>&)> finish;
};
using Answer = std::variant<Response, PictureOrder>;

/// Where an upload's body goes, chunk by chunk; one thread at a time. Dropping it leaves nothing
/// but what was acknowledged.
class UploadSink {
 public:
  virtual ~UploadSink() = default;
  virtual Result<void> write(ByteSpan chunk) = 0;
  virtual Result<Response> finish() = 0;
  /// Instead of finish: the body broke off behind `last`, and no more comes.
  virtual void break_off(ByteSpan last) { (void)last; }
  /// What is to be said before the answer, now: an interim response, or nothing. Not while write
  /// runs.
  virtual std::string interim() { return {}; }
  /// For a body that may turn out to be unwanted while it comes: `stop` (quick, any thread, also
  /// when the request is long over) makes it break off.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps it
  virtual void on_unwanted(std::function<void()> stop) { (void)stop; }
  /// Where finish waits for something else than this machine: the client is watched meanwhile, and
  /// cancel called (from any thread, quickly) when it has gone or the server stops.
  virtual bool takes_long() const { return false; }
  virtual void cancel() {}
};

using Handler = Answer (*)(const Site&, const Exchange&);
/// Where the body goes, or an answer that needs none of it.
using UploadStart = std::variant<std::unique_ptr<UploadSink>, Response>;
using UploadHandler = Result<UploadStart> (*)(const Site&, const Exchange&);

/// A Result's error as a problem document.
Answer refuse(const Error& error);
/// The response, or the refusal of what went wrong.
Answer answer(Result<Response> result);

}  // namespace calotype
