// SPDX-License-Identifier: Apache-2.0
// What keeps rows and bytes in agreement: which blobs the rows promise, which of them are
// quarantined because their bytes are not what they were, and what each chunk of a large original
// has to be. A quarantined blob is served to nobody. It leaves quarantine when its bytes are right
// again (release), or when no row names it any more.
#pragma once

#include <span>

#include "catalog/rows.hpp"

namespace calotype {

struct QuarantineRow {
  std::string blob_key;
  std::string asset_id;
  std::string reason;
  Timestamp found_at{};
};

enum class BlobRole : std::uint8_t { original, proof, variant };

/// What a row says of a blob.
struct PromisedBlob {
  std::string blob_key;
  BlobRole role = BlobRole::original;
  std::uint64_t bytes = 0;
  AssetId asset_id;
  std::optional<VariantKey> variant{};  // of that role
  bool is_going = false;  // nothing promises it any more, and its removal is under way
};

class IntegrityCatalog {
 public:
  virtual ~IntegrityCatalog() = default;

  /// Nothing new where it is quarantined already. Durable.
  virtual Result<void> quarantine(const PromisedBlob& blob, std::string_view reason) = 0;
  virtual Result<bool> is_quarantined(std::string_view blob_key) = 0;
  /// In the order of their keys, from behind `after` on.
  virtual Result<std::vector<QuarantineRow>> quarantined(std::string_view after,
                                                         std::size_t limit) = 0;
  virtual Result<std::vector<QuarantineRow>> quarantined_of(const AssetId& id) = 0;
  virtual Result<std::uint64_t> count_quarantined() = 0;
  /// Its bytes are right again. Durable.
  virtual Result<void> release(std::string_view blob_key) = 0;

  /// Those of the keys that something in the catalog names.
  virtual Result<std::vector<PromisedBlob>> promised(std::span<const std::string> blob_keys) = 0;
  struct Promises {
    std::vector<PromisedBlob> blobs;
    std::string next;  // where the next page begins; empty at the end
  };
  /// All blobs of one role, page by page; `cursor` is empty or an earlier page's `next`.
  virtual Result<Promises> promises(BlobRole role, std::string_view cursor, std::size_t limit) = 0;

  /// Forgets the proof, where the asset still has that one, and enqueues the job that makes it
  /// again ("verify:{asset id}"); the blob becomes garbage. Durable.
  virtual Result<void> drop_proof(const AssetId& id, std::string_view proof_key) = 0;
  /// Where the asset is inspected and has no proof; otherwise the proof becomes garbage. Durable.
  virtual Result<void> adopt_proof(const AssetId& id, const Proof& proof) = 0;

  /// Of a blob's content (blobs/chunk_sums.hpp); nothing where none are kept. Relaxed.
  virtual Result<std::optional<std::vector<std::byte>>> chunk_sums(std::string_view blob_key) = 0;
  virtual Result<void> keep_chunk_sums(std::string_view blob_key, ByteSpan column) = 0;

  /// Which share of the blobs is hashed next, and that it has been: 0, 1, 2, … Relaxed.
  virtual Result<std::int64_t> verify_position() = 0;
  virtual Result<void> set_verify_position(std::int64_t position) = 0;
};

}  // namespace calotype
