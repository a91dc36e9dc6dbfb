// SPDX-License-Identifier: Apache-2.0
#include "pipeline/verify.hpp"

#include <algorithm>
#include <format>
#include <thread>

#include "base/log.hpp"

namespace calotype {
namespace {

constexpr std::size_t page_size = 512;
constexpr std::array prefixes = {std::string_view("proofs/"), std::string_view("raw/"),
                                 std::string_view("variants/")};
constexpr std::uint32_t positions = 65'536;  // of a hash's first two bytes
constexpr std::chrono::milliseconds tell_interval{200};

std::unexpected<Error> stopped() {
  return fail(ErrorCode::cancelled, "Stopped before all blobs were looked at.");
}

/// "raw/9f/86/9f86d08…" → 0x9f86; nothing for what is no key.
std::optional<std::uint32_t> position_of(std::string_view blob_key) {
  const auto key = BlobKey::parse(blob_key);
  if (!key) return std::nullopt;
  const Digest digest = key->digest();
  return std::to_integer<std::uint32_t>(digest.bytes[0]) << 8 |
         std::to_integer<std::uint32_t>(digest.bytes[1]);
}

/// What every key of the prefix at that position or behind it follows.
std::string before_position(std::string_view prefix, std::uint32_t position) {
  if (position == 0) return {};
  return std::format("{}{:02x}/{:02x}", prefix, position >> 8, position & 0xff);
}

}  // namespace

std::string_view to_string(BlobFault fault) {
  switch (fault) {
    case BlobFault::corrupt:
      return "corrupt";
    case BlobFault::wrong_size:
      return "wrong_size";
    case BlobFault::missing:
      return "missing";
    case BlobFault::orphan:
      return "orphan";
    case BlobFault::unreadable:
      return "unreadable";
  }
  panic("a fault of a blob");
}

std::string_view to_string(BlobRole role) {
  switch (role) {
    case BlobRole::original:
      return "original";
    case BlobRole::proof:
      return "proof";
    case BlobRole::variant:
      return "variant";
  }
  panic("a role of a blob");
}

struct Verify::Run {
  Run(const VerifyOptions& what, const std::stop_token& token, const Tell& tell_whom)
      : options(what), stop(token), tell(tell_whom) {
    begin = static_cast<std::uint32_t>(std::uint64_t{positions} * what.share / what.shares);
    end = static_cast<std::uint32_t>(std::uint64_t{positions} * (what.share + 1) / what.shares);
  }
  bool covers(std::string_view blob_key) const {
    const auto position = position_of(blob_key);
    return position && *position >= begin && *position < end;
  }

  const VerifyOptions& options;
  const std::stop_token& stop;
  const Tell& tell;
  std::uint32_t begin = 0;  // of the positions
  std::uint32_t end = positions;

  std::mutex page_mutex;  // of what follows
  std::size_t prefix = 0;
  bool in_prefix = false;
  std::string after;
  std::vector<BlobEntry> page;
  std::size_t at = 0;
  std::unordered_map<std::string, PromisedBlob> promises;
  std::unordered_set<std::size_t> seen;  // hashes of the keys that the store has
  std::unordered_set<std::string> quarantined;

  std::mutex mutex;  // of what follows
  VerifyReport report;
  std::chrono::steady_clock::time_point told;
};

Verify::Verify(Catalog& catalog, BlobStore& blobs, const Clock& clock, Metrics& metrics,
               const VerifySettings& settings)
    : catalog_(catalog),
      integrity_(catalog.integrity()),
      blobs_(blobs),
      clock_(clock),
      settings_(settings),
      checked_(metrics.counter("verified_blobs_total", "Blobs that were hashed again.")),
      checked_bytes_(metrics.counter("verified_bytes_total", "Their bytes.")),
      faults_(metrics.counter("verify_faults_total", "What verify found wrong.")) {}

Result<VerifyReport> Verify::run(const VerifyOptions& options, const std::stop_token& stop,
                                 const Tell& tell) {
  Run run(options, stop, tell);
  TRY(auto before, all_quarantined());
  for (QuarantineRow& row : before) run.quarantined.insert(std::move(row.blob_key));
  TRY_VOID(hash_all(run));
  for (const BlobRole role : {BlobRole::original, BlobRole::proof, BlobRole::variant})
    TRY_VOID(look_for_rows(run, role));
  std::ranges::sort(run.report.findings, {}, &VerifyFinding::blob_key);
  TRY(run.report.quarantined, all_quarantined());
  tell({run.report.blobs, run.report.bytes});
  return std::move(run.report);
}

Result<std::vector<QuarantineRow>> Verify::all_quarantined() {
  std::vector<QuarantineRow> all;
  while (true) {
    TRY(auto rows, integrity_.quarantined(all.empty() ? "" : all.back().blob_key, page_size));
    if (rows.empty()) return all;
    std::ranges::move(rows, std::back_inserter(all));
  }
}

Result<void> Verify::hash_all(Run& run) {
  std::mutex failed_mutex;
  std::optional<Error> failed;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < settings_.threads; ++i)
      threads.emplace_back([&] {
        const auto done = work(run);
        if (done) return;
        const std::lock_guard lock(failed_mutex);
        if (!failed) failed = done.error();
        const std::lock_guard page_lock(run.page_mutex);
        run.prefix = prefixes.size();  // nobody takes another one
        run.page.clear();
        run.at = 0;
      });
  }
  if (failed) return std::unexpected(*std::move(failed));
  return {};
}

Result<void> Verify::work(Run& run) {
  while (true) {
    if (run.stop.stop_requested()) return stopped();
    TRY(auto taken, next(run));
    if (!taken) return {};
    const auto& [entry, promise] = *taken;
    TRY_VOID(look_at(run, entry, promise ? &*promise : nullptr));
  }
}

Result<std::optional<std::pair<BlobEntry, std::optional<PromisedBlob>>>> Verify::next(Run& run) {
  const std::lock_guard lock(run.page_mutex);
  while (run.at == run.page.size()) {
    if (run.prefix == prefixes.size()) return std::nullopt;
    TRY_VOID(fill(run));
  }
  BlobEntry entry = run.page[run.at++];
  const auto place = run.promises.find(entry.key.text());
  std::optional<PromisedBlob> promise;
  if (place != run.promises.end()) promise = place->second;
  return std::pair{std::move(entry), std::move(promise)};
}

/// The next page of blobs, and what the catalog says of them.
Result<void> Verify::fill(Run& run) {
  const std::string_view prefix = prefixes[run.prefix];
  if (!run.in_prefix) run.after = before_position(prefix, run.begin);
  run.in_prefix = true;
  TRY(run.page, blobs_.list(prefix, run.after, page_size));
  run.at = 0;
  bool is_last = run.page.empty();
  if (!is_last) run.after = run.page.back().key.text();
  const auto is_outside = [&](const BlobEntry& entry) { return !run.covers(entry.key.text()); };
  is_last = std::erase_if(run.page, is_outside) > 0 || is_last;
  if (is_last) {
    ++run.prefix;
    run.in_prefix = false;
  }
  std::vector<std::string> keys;
  for (const BlobEntry& entry : run.page) {
    keys.push_back(entry.key.text());
    run.seen.insert(std::hash<std::string>{}(entry.key.text()));
  }
  TRY(auto promised, integrity_.promised(keys));
  run.promises.clear();
  for (PromisedBlob& promise : promised) {
    std::string key = promise.blob_key;
    run.promises.emplace(std::move(key), std::move(promise));
  }
  return {};
}

/// What is wrong with its bytes, in words; nothing where they are right.
Result<std::optional<std::string>> Verify::fault_of(Run& run, const BlobKey& key) {
  auto hashed = blobs_.hash(key, run.stop);
  if (!hashed && hashed.error().code == ErrorCode::blob_corrupt) return hashed.error().message;
  if (!hashed) return std::unexpected(std::move(hashed).error());
  if (hashed->digest == key.digest()) return std::nullopt;
  return std::format("{} bytes with the SHA-256 {}", hashed->bytes, hashed->digest.hex());
}

Result<void> Verify::look_at(Run& run, const BlobEntry& entry, const PromisedBlob* promise) {
  const std::string& key = entry.key.text();
  auto fault = fault_of(run, entry.key);
  // Read once more: what a memory or a cable got wrong is no fault of the disk.
  if (fault && *fault) fault = fault_of(run, entry.key);
  if (!fault && fault.error().code == ErrorCode::blob_not_found) return {};  // gone meanwhile
  if (!fault && fault.error().code == ErrorCode::storage_failed && blobs_.check()) {
    add(run, {.blob_key = key,
              .fault = BlobFault::unreadable,
              .role = promise != nullptr ? promise->role : BlobRole::original,
              .asset_id = promise != nullptr ? promise->asset_id.text() : std::string{},
              .detail = fault.error().message,
              .action = {}});
    return {};
  }
  if (!fault) return std::unexpected(std::move(fault).error());
  checked_.add();
  checked_bytes_.add(static_cast<double>(entry.bytes));
  {
    const std::lock_guard lock(run.mutex);
    ++run.report.blobs;
    run.report.bytes += entry.bytes;
    const auto now = std::chrono::steady_clock::now();
    if (now - run.told >= tell_interval) {
      run.told = now;
      run.tell({run.report.blobs, run.report.bytes});
    }
  }
  if (promise == nullptr) return look_at_orphan(run, entry);
  if (promise->is_going) return {};
  if (*fault) return settle(run, *promise, BlobFault::corrupt, **fault);
  if (entry.bytes != promise->bytes)
    return settle(run, *promise, BlobFault::wrong_size,
                  std::format("{} bytes, and {} in its row", entry.bytes, promise->bytes));
  if (!run.quarantined.contains(key)) return {};
  // Restored by hand, from a copy perhaps.
  TRY_VOID(integrity_.release(key));
  log::info("a quarantined blob is right again", {{"blob", key}});
  const std::lock_guard lock(run.mutex);
  ++run.report.healed;
  return {};
}

Result<void> Verify::look_at_orphan(Run& run, const BlobEntry& entry) {
  if (entry.modified >= clock_.now() - settings_.grace) return {};
  TRY(const bool is_promised, is_still_promised(entry.key.text()));
  if (is_promised) return {};
  VerifyFinding finding{.blob_key = entry.key.text(),
                        .fault = BlobFault::orphan,
                        .role = entry.key.is_original() ? BlobRole::original
                                : entry.key.is_proof()  ? BlobRole::proof
                                                        : BlobRole::variant,
                        .asset_id = {},
                        .detail = std::format("{} bytes that no row names", entry.bytes),
                        .action = {}};
  if (run.options.repair) {
    // An original's key may be published again at any moment: it goes by way of a tombstone.
    if (entry.key.is_original()) {
      TRY_VOID(catalog_.adopt_orphan(entry.key.digest(), entry.bytes));
      finding.action = "left to the job that removes it";
    } else {
      TRY_VOID(blobs_.remove(entry.key));
      finding.action = "removed";
    }
    finding.mended = true;
  }
  add(run, std::move(finding));
  return {};
}

Result<void> Verify::look_for_rows(Run& run, BlobRole role) {
  std::string cursor;
  do {
    if (run.stop.stop_requested()) return stopped();
    TRY(auto page, integrity_.promises(role, cursor, page_size));
    for (const PromisedBlob& promise : page.blobs) {
      if (!run.covers(promise.blob_key)) continue;
      ++run.report.rows;
      if (!run.seen.contains(std::hash<std::string>{}(promise.blob_key)))
        TRY_VOID(look_for_missing(run, promise));
    }
    cursor = std::move(page.next);
  } while (!cursor.empty());
  return {};
}

/// Not in the list: published since, or on its way out, or lost.
Result<void> Verify::look_for_missing(Run& run, const PromisedBlob& promise) {
  const auto key = BlobKey::parse(promise.blob_key);
  require(key.has_value(), "only well-formed keys are in a share");
  TRY(const bool is_there, blobs_.exists(*key));
  if (is_there) return {};
  TRY(const bool is_promised, is_still_promised(promise.blob_key));
  if (!is_promised) return {};
  // Deleted, and brought in again since: then it was there before it was promised.
  TRY(const bool came_back, blobs_.exists(*key));
  if (came_back) return {};
  return settle(run, promise, BlobFault::missing, "the store has no such blob");
}

Result<bool> Verify::is_still_promised(const std::string& key) {
  TRY(const auto promised, integrity_.promised(std::array{key}));
  return !promised.empty() && !promised.front().is_going;
}

/// A promised blob is not what it has to be.
Result<void> Verify::settle(Run& run, const PromisedBlob& promise, BlobFault fault,
                            std::string detail) {
  TRY(const bool is_promised, is_still_promised(promise.blob_key));
  if (!is_promised) return {};
  VerifyFinding finding{.blob_key = promise.blob_key,
                        .fault = fault,
                        .role = promise.role,
                        .asset_id = promise.asset_id.text(),
                        .detail = std::move(detail),
                        .action = {}};
  if (promise.role == BlobRole::original || !run.options.repair) {
    TRY_VOID(integrity_.quarantine(promise, finding.detail));
    finding.action = promise.role == BlobRole::original
                         ? "quarantined; bring the file in again to mend it"
                         : "quarantined";
  } else if (promise.role == BlobRole::proof) {
    TRY_VOID(integrity_.drop_proof(promise.asset_id, promise.blob_key));
    finding.action = "dropped; a job makes it again";
    finding.mended = true;
  } else {
    TRY_VOID(catalog_.drop_variant(*promise.variant));
    finding.action = "dropped; made again when it is asked for";
    finding.mended = true;
  }
  add(run, std::move(finding));
  return {};
}

void Verify::add(Run& run, VerifyFinding finding) {
  faults_.add();
  log::error("verify found a fault", {{"blob", finding.blob_key},
                                      {"fault", to_string(finding.fault)},
                                      {"asset", finding.asset_id},
                                      {"detail", finding.detail},
                                      {"action", finding.action}});
  const std::lock_guard lock(run.mutex);
  run.report.findings.push_back(std::move(finding));
}

}  // namespace calotype
