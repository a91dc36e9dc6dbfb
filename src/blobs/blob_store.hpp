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
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
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
  bool is_proof() const { return text_.starts_with("proofs/"); }
  auto operator<=>(const BlobKey&) const = default;

 private:
  explicit BlobKey(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// What is refused because its bytes are damaged and put aside; `detail` is for the log.
std::unexpected<Error> quarantined_blob(std::string detail = {});

/// What the parts of a blob have to be, for whoever sends them from its file. Any thread.
class BlobCheck {
 public:
  static constexpr std::size_t chunk_bytes = std::size_t{256} << 10;
  virtual ~BlobCheck() = default;
  /// Whether these are the bytes of that chunk (all of it; the last one is shorter). Where they are
  /// not, nobody may be given them, and the blob has been put aside. Never blocks.
  virtual bool holds(std::uint64_t chunk, ByteSpan bytes) const = 0;
};

/// An open blob: stays readable even when it is removed meanwhile.
struct Blob {
  std::shared_ptr<const UniqueFd> file;  // shared: a render and a response may read it at once
  std::uint64_t bytes = 0;
  std::shared_ptr<const BlobCheck> check{};  // shared likewise; nothing where nobody checks
};

/// Bytes on their way out of a store that is elsewhere, in order, through a buffer of fixed size:
/// who reads slowly slows the store down. One thread at a time; dropping it ends the transfer.
class BlobStream {
 public:
  virtual ~BlobStream() = default;
  /// What has arrived, as much as `out` takes; 0 where nothing has, or all has been given. Never
  /// blocks. Of a whole blob the last bytes are given only when all of them have the blob's hash;
  /// otherwise it is blob_corrupt.
  virtual Result<std::size_t> read_some(std::span<char> out) = 0;
  /// Calls once, on whatever thread (or at once), when read_some has something to say.
  virtual void when_ready(std::move_only_function<void()> ready) = 0;
};

/// A blob that is elsewhere. Any thread.
class RemoteBlob {
 public:
  virtual ~RemoteBlob() = default;
  /// Begins to read; a failure is told by the stream. overloaded where there are too many.
  virtual Result<std::unique_ptr<BlobStream>> read(std::uint64_t offset, std::uint64_t bytes) = 0;
};

/// Where to send a blob from.
using BlobSource = std::variant<Blob, std::shared_ptr<RemoteBlob>>;

struct BlobEntry {
  BlobKey key;
  std::uint64_t bytes = 0;
  Timestamp modified{};  // by the store's own clock, told in this machine's time
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
  /// All of a blob, which the caller knows to have so many bytes, held against its hash:
  /// blob_corrupt where it differs. For small ones.
  virtual Result<std::string> read(const BlobKey& key, std::uint64_t bytes);
  /// A part of it. blob_corrupt where it ends before.
  virtual Result<std::string> read_range(const BlobKey& key, std::uint64_t offset,
                                         std::size_t bytes);
  /// For sending it: the blob itself where it is near, and otherwise nothing is fetched yet.
  virtual Result<BlobSource> source(const BlobKey& key, std::uint64_t bytes);
  struct Hashed {
    Digest digest;
    std::uint64_t bytes = 0;
  };
  /// Reads all of it from where it is kept, and not from a nearer copy. blob_not_found;
  /// blob_corrupt where the disk does not give it back.
  virtual Result<Hashed> hash(const BlobKey& key, const std::stop_token& stop);
};

class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual Result<std::unique_ptr<SpoolFile>> spool() = 0;
  /// Durable on return. Where the key is there already its bytes stay, and its age starts anew. The
  /// same file may be published again (a purge may have removed the key meanwhile).
  virtual Result<void> publish(SpoolFile& file, const BlobKey& key) = 0;
  /// As publish, but over what is there, whatever it is: for bytes that were found damaged.
  virtual Result<void> replace(SpoolFile& file, const BlobKey& key) = 0;
  /// Spool, append and publish.
  virtual Result<void> put(ByteSpan bytes, const BlobKey& key) = 0;
};

class BlobRemover {
 public:
  virtual ~BlobRemover() = default;
  /// Success too where there is none. Durable when the store next publishes; a removal that a power
  /// cut undoes is found again by the scrub.
  virtual Result<void> remove(const BlobKey& key) = 0;
  /// Removes what publications that never ended have left in the store, where they began before.
  virtual Result<void> remove_leftovers(Timestamp began_before);
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
  /// Transfers that may take long end now with `cancelled`, and no more of them begin; what is done
  /// by one short request still is. For the end of a drain.
  virtual void interrupt() {}
};

}  // namespace calotype
