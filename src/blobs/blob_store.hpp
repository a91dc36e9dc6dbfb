// SPDX-License-Identifier: Apache-2.0
// Bytes, under keys that are derived from their hash. A key's bytes never change: a blob is there
// whole or not at all, and what publish or put has returned for survives a power cut. The store
// knows nothing of assets; who owns a blob is the catalog's to say.
//
//   raw/9f/86/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//   proofs/60/30/60303ae2…-k7d2…     (-token: no two renders ever share a key, so that removing one
//   variants/fd/61/fd61a03a…-m3xq…    can never take another's bytes)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/unique_fd.hpp"

namespace calotype {

class BlobKey {
 public:
  static BlobKey original(const Digest& digest);
  /// `token` is unique to the act of making (new_id).
  static BlobKey proof(const Digest& digest, std::string_view token);
  static BlobKey variant(const Digest& digest, std::string_view token);
  /// Only the three forms above; so no key can leave the store's folder.
  static std::optional<BlobKey> parse(std::string_view text);

  const std::string& text() const { return text_; }
  /// The hash that the bytes must have.
  Digest digest() const;
  bool is_original() const { return text_.starts_with("raw/"); }
  auto operator<=>(const BlobKey&) const = default;

 private:
  explicit BlobKey(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// An open blob: stays readable even when it is removed meanwhile.
struct Blob {
  std::shared_ptr<const UniqueFd> file;  // shared: a render and a response may read it at once
  std::uint64_t bytes = 0;
};

struct BlobEntry {
  BlobKey key;
  std::uint64_t bytes = 0;
  Timestamp modified{};  // by the store's own clock
};

/// Bytes on their way in: a file without a name, gone if it is dropped (or the program dies). One
/// owner, one thread at a time.
class SpoolFile {
 public:
  virtual ~SpoolFile() = default;
  /// insufficient_storage, storage_failed.
  virtual Result<void> append(ByteSpan bytes) = 0;
  virtual std::uint64_t bytes() const = 0;
};

class BlobReader {
 public:
  virtual ~BlobReader() = default;
  /// blob_not_found where there is none.
  virtual Result<Blob> open(const BlobKey& key) = 0;
  virtual Result<bool> exists(const BlobKey& key) = 0;
};

class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual Result<std::unique_ptr<SpoolFile>> spool() = 0;
  /// Durable on return. Where the key is there already its bytes stay, and its age starts anew. The
  /// same file may be published again (a purge may have removed the key meanwhile).
  virtual Result<void> publish(SpoolFile& file, const BlobKey& key) = 0;
  /// Spool, append and publish.
  virtual Result<void> put(ByteSpan bytes, const BlobKey& key) = 0;
};

class BlobRemover {
 public:
  virtual ~BlobRemover() = default;
  /// Success too where there is none. Durable when the store next publishes; a removal that a power
  /// cut undoes is found again by the scrub.
  virtual Result<void> remove(const BlobKey& key) = 0;
};

class BlobLister {
 public:
  virtual ~BlobLister() = default;
  /// Up to `limit` entries whose keys start with `prefix` ("raw/", "proofs/", "variants/") and come
  /// after `after`, in the order of the keys. What is published or removed meanwhile may be in it
  /// or not.
  virtual Result<std::vector<BlobEntry>> list(std::string_view prefix, std::string_view after,
                                              std::size_t limit) = 0;
};

class BlobStore : public BlobReader, public BlobWriter, public BlobRemover, public BlobLister {
 public:
  /// Whether it can be written to and read from now (readiness).
  virtual Result<void> check() = 0;
};

}  // namespace calotype
