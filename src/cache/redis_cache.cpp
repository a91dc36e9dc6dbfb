// SPDX-License-Identifier: Apache-2.0
#include "cache/redis_cache.hpp"

#include <charconv>
#include <map>

#include "base/log.hpp"
#include "cache/resolution_text.hpp"

namespace calotype {
namespace {

using Command = RedisClient::Command;

/// Nobody waits for these.
constexpr std::chrono::milliseconds upkeep_timeout{2'000};
constexpr std::chrono::milliseconds settling_max{60'000};
constexpr std::size_t portion = 500;

const std::string& seconds_kept() {
  static const std::string text = std::to_string(std::chrono::seconds(resolutions_kept).count());
  return text;
}

std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Counter& requests(Metrics& metrics, const std::string& result) {
  return metrics.counter("cache_requests_total", "Questions to the shared cache, by their outcome.",
                         {{"result", result}});
}

/// "n <variant>" and "t <variant>" with their values, in any order, into the counts.
void read_fields(const std::vector<RedisValue>& fields, std::map<std::string, AccessCount>& into) {
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string& field = fields[i].text;
    if (field.size() < 3 || field[1] != ' ') continue;
    AccessCount& access = into[field.substr(2)];
    access.variant = field.substr(2);
    const std::int64_t value = number_of(fields[i + 1].text);
    if (value < 0) continue;
    if (field[0] == 'n') access.count = static_cast<std::uint64_t>(value);
    if (field[0] == 't') access.last = Timestamp{std::chrono::milliseconds{value}};
  }
}

}  // namespace

RedisCache::RedisCache(const RedisUrl& url, const CacheSettings& settings, Metrics& metrics)
    : prefix_(settings.prefix + ":" + std::string(resolution_format) + ":"),
      accesses_("{" + prefix_ + "accesses}"),
      timeout_(settings.timeout),
      state_(metrics.gauge("cache_usable", "Whether the shared cache answers in time: 1 or 0.")),
      hits_(requests(metrics, "hit")),
      misses_(requests(metrics, "miss")),
      unreadable_(requests(metrics, "unreadable")),
      timeouts_(requests(metrics, "timeout")),
      bypassed_(requests(metrics, "bypassed")),
      dropped_writes_(metrics.counter("cache_writes_dropped_total",
                                      "Entries that were not sent to the shared cache.")),
      client_(url, settings.timeout, [this, place = url.host + ":" + url.port](bool usable) {
        state_.set(usable ? 1 : 0);
        if (usable)
          log::info("the shared cache is in use", {{"redis", place}});
        else
          log::warn("the shared cache is out of reach; requests go on without it",
                    {{"redis", place}});
      }) {}

std::string RedisCache::variants_key(std::string_view asset_id) const {
  return prefix_ + "variants:" + std::string(asset_id);
}

std::vector<std::optional<Resolution>> RedisCache::find(std::string_view asset_id,
                                                        std::span<const std::string> names) {
  std::vector<std::optional<Resolution>> found(names.size());
  Command command{"HMGET", variants_key(asset_id)};
  command.insert(command.end(), names.begin(), names.end());
  std::vector<Command> commands;
  commands.push_back(std::move(command));
  const auto replies = client_.ask(std::move(commands), timeout_);
  if (!replies) {
    (replies.error().code == ErrorCode::timeout ? timeouts_ : bypassed_).add();
    return found;
  }
  bool any = false;
  bool damaged = replies->front().items.size() != names.size();
  for (std::size_t i = 0; i < names.size() && !damaged; ++i) {
    const RedisValue& value = replies->front().items[i];
    if (value.is_null) continue;
    found[i] = parse_resolution(asset_id, names[i], value.text);
    (found[i] ? any : damaged) = true;
  }
  (damaged ? unreadable_ : any ? hits_ : misses_).add();
  return found;
}

void RedisCache::put(std::string_view asset_id, const std::string& name,
                     const Resolution& resolution) {
  const std::string key = variants_key(asset_id);
  if (!client_.tell({{"HSET", key, name, to_text(asset_id, name, resolution)},
                     {"EXPIRE", key, seconds_kept(), "NX"}}))
    dropped_writes_.add();
}

void RedisCache::drop(std::string_view asset_id) {
  if (!client_.tell({{"UNLINK", variants_key(asset_id)}})) dropped_writes_.add();
}

Result<void> RedisCache::add(std::span<const AccessCount> accesses) {
  std::vector<Command> commands;
  for (const AccessCount& access : accesses) {
    commands.push_back({"HINCRBY", accesses_, "n " + access.variant, std::to_string(access.count)});
    commands.push_back({"HSET", accesses_, "t " + access.variant,
                        std::to_string(access.last.time_since_epoch().count())});
  }
  if (commands.empty()) return {};
  TRY_VOID(client_.ask(std::move(commands), upkeep_timeout));
  return {};
}

/// Whether this server is to write down now what is there.
Result<bool> RedisCache::claim_turn(std::chrono::milliseconds turn) {
  if (turn.count() > 0) {
    TRY(const auto free,
        client_.ask({{"SET", accesses_ + ":turn", "1", "NX", "PX", std::to_string(turn.count())}},
                    upkeep_timeout));
    if (free.front().is_null) return false;
  }
  TRY(const auto free, client_.ask({{"SET", accesses_ + ":busy", "1", "NX", "PX",
                                     std::to_string(settling_max.count())}},
                                   upkeep_timeout));
  return !free.front().is_null;
}

Result<void> RedisCache::settle(std::chrono::milliseconds turn, const Write& write) {
  TRY(const bool mine, claim_turn(turn));
  if (!mine) return {};
  auto written = write_taken(write);
  // Another's :busy is never removed: this one's lasts longer than its own work may.
  (void)client_.ask({{"DEL", accesses_ + ":busy"}}, upkeep_timeout);
  return written;
}

/// What a predecessor has taken and not finished comes first.
Result<void> RedisCache::write_taken(const Write& write) {
  const std::string taken = accesses_ + ":taken";
  TRY(const auto left, client_.ask({{"EXISTS", taken}}, upkeep_timeout));
  if (left.front().text == "0") {
    TRY(const auto there, client_.ask({{"EXISTS", accesses_}}, upkeep_timeout));
    if (there.front().text == "0") return {};
    TRY_VOID(client_.ask({{"RENAMENX", accesses_, taken}}, upkeep_timeout));
  }
  TRY(const auto accesses, read_taken());
  for (std::size_t at = 0; at < accesses.size(); at += portion) {
    const auto part = std::span(accesses).subspan(at, std::min(portion, accesses.size() - at));
    TRY_VOID(write(part));
    Command forget{"HDEL", taken};
    for (const AccessCount& access : part) {
      forget.push_back("n " + access.variant);
      forget.push_back("t " + access.variant);
    }
    std::vector<Command> commands;
    commands.push_back(std::move(forget));
    TRY_VOID(client_.ask(std::move(commands), upkeep_timeout));
  }
  TRY_VOID(client_.ask({{"DEL", taken}}, upkeep_timeout));  // with what makes no sense in it
  return {};
}

/// Nobody adds to it any more, so a scan sees each field; some perhaps twice, which the map mends.
Result<std::vector<AccessCount>> RedisCache::read_taken() {
  std::map<std::string, AccessCount> counts;
  std::string cursor = "0";
  do {
    TRY(const auto page,
        client_.ask({{"HSCAN", accesses_ + ":taken", cursor, "COUNT", "1000"}}, upkeep_timeout));
    const RedisValue& reply = page.front();
    if (reply.items.size() != 2)
      return fail(ErrorCode::server_unreachable, "The shared cache answered something else.");
    cursor = reply.items[0].text;
    read_fields(reply.items[1].items, counts);
  } while (cursor != "0");
  std::vector<AccessCount> accesses;
  for (auto& [name, access] : counts) accesses.push_back(std::move(access));
  return accesses;
}

}  // namespace calotype
