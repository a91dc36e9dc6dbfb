// SPDX-License-Identifier: Apache-2.0
#include "pipeline/scrub.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/log.hpp"

namespace calotype {
namespace {

constexpr std::size_t page_size = 512;
constexpr std::size_t expire_batch = 256;

}  // namespace

Scrub::Scrub(Catalog& catalog, BlobStore& blobs, Expire& expire, const Clock& clock,
             Metrics& metrics, const ScrubSettings& settings)
    : catalog_(catalog),
      blobs_(blobs),
      expire_(expire),
      clock_(clock),
      settings_(settings),
      orphans_(metrics.counter("orphaned_blobs_total", "Blobs that were found without an owner.")),
      expired_(metrics.counter("expired_variants_total", "Variants deleted for want of access.")) {}

Result<void> Scrub::run(const std::stop_token& stop) {
  // A purge that its worker died of keeps its asset's bytes from being brought in again.
  TRY_VOID(catalog_.retry_dead_jobs(JobKind::expire));
  TRY_VOID(expire_variants(stop));
  TRY_VOID(expire_.collect_garbage(stop));
  TRY_VOID(blobs_.remove_leftovers(clock_.now() - settings_.grace));
  for (const std::string_view prefix : {"raw/", "proofs/", "variants/"})
    TRY_VOID(sweep(prefix, stop));
  return {};
}

Result<void> Scrub::expire_variants(const std::stop_token& stop) {
  const Timestamp before = clock_.now() - settings_.variant_age_max;
  while (!stop.stop_requested()) {
    TRY(const std::size_t count, catalog_.expire_variants(before, expire_batch));
    expired_.add(static_cast<double>(count));
    if (count < expire_batch) return {};
  }
  return fail(ErrorCode::cancelled, "Stopped before all variants were looked at.");
}

Result<void> Scrub::sweep(std::string_view prefix, const std::stop_token& stop) {
  std::string after;
  while (!stop.stop_requested()) {
    const Timestamp young = clock_.now() - settings_.grace;
    TRY(const auto entries, blobs_.list(prefix, after, page_size));
    if (entries.empty()) return {};
    after = entries.back().key.text();
    std::vector<std::string> keys;
    for (const BlobEntry& entry : entries)
      if (entry.modified < young) keys.push_back(entry.key.text());
    TRY(const auto owned, catalog_.owned(keys));
    const std::unordered_set<std::string> owners(owned.begin(), owned.end());
    for (const BlobEntry& entry : entries)
      if (entry.modified < young && !owners.contains(entry.key.text()))
        TRY_VOID(remove_orphan(entry));
  }
  return fail(ErrorCode::cancelled, "Stopped before all blobs were looked at.");
}

/// An original's key may be published again at any moment, so it goes by way of a tombstone and its
/// purge; other keys are used once, so that what has no owner now will never have one.
Result<void> Scrub::remove_orphan(const BlobEntry& entry) {
  log::info("blob has no owner", {{"blob", entry.key.text()}, {"bytes", entry.bytes}});
  orphans_.add();
  if (!entry.key.is_original()) return blobs_.remove(entry.key);
  TRY_VOID(catalog_.adopt_orphan(entry.key.digest(), entry.bytes));
  return {};
}

}  // namespace calotype
