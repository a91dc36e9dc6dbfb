// SPDX-License-Identifier: Apache-2.0
// How bytes come in. Chunks are hashed and written to the spool as they arrive; at the end the hash
// decides: content that is stored costs one row, new content is published and then recorded. The
// answer may be sent when finish returns: the upload survives a power cut from then on.
//
// Everything here blocks; one Intake belongs to one upload and is used by one thread at a time.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "base/metrics.hpp"
#include "blobs/blob_store.hpp"
#include "catalog/catalog.hpp"

namespace calotype {

struct UploadFacts {
  std::string file_name{};
  std::string uploader{};
  std::vector<std::string> tags{};
  std::string collection{};   // empty: none
  std::string fields_json{};  // a JSON object; empty: nothing
};

/// What the client says that the bytes hash to (Repr-Digest, RFC 9530).
struct ClaimedDigests {
  std::optional<Digest> sha256;
  std::optional<std::array<std::byte, 64>> sha512;
};

struct IngestSettings {
  std::uint64_t bytes_max = 16ULL << 30;
  std::chrono::milliseconds purge_wait_max{10'000};  // for a purge of the same content to end
};

class Ingest;

class Intake {
 public:
  ~Intake();
  Intake(Intake&&) noexcept;

  /// too_large, insufficient_storage, storage_failed. Dropping the intake leaves nothing behind.
  Result<void> write(ByteSpan chunk);
  std::uint64_t bytes() const { return bytes_; }
  /// What the bytes have to hash to; digest_mismatch of finish otherwise. Beside what was claimed.
  void expect(const Digest& sha256);
  /// missing_upload (no bytes), digest_mismatch; otherwise the bytes are durable and recorded.
  Result<Recorded> finish(const UploadFacts& facts);

 private:
  friend class Ingest;
  Intake(Ingest& ingest, const ClaimedDigests& claimed);

  Ingest& ingest_;
  ClaimedDigests claimed_;
  std::optional<Digest> expected_;
  std::unique_ptr<SpoolFile> file_;  // made at the first chunk
  Sha256 sha256_;
  std::optional<Sha512> sha512_;
  std::uint64_t bytes_ = 0;
  std::chrono::steady_clock::time_point began_;
};

class Ingest {
 public:
  Ingest(AssetCatalog& catalog, BlobWriter& blobs, Metrics& metrics,
         const IngestSettings& settings);

  Intake begin(const ClaimedDigests& claimed);
  /// Another upload of content that is here, without its bytes; nothing where it is not here.
  Result<std::optional<Recorded>> record_known(const Digest& digest, const UploadFacts& facts);
  /// The last step of every upload, of bytes that were written down and hashed already: durable and
  /// recorded on return. `spooled` gives them, and is asked once at most: not for content that is
  /// here.
  using Spooled = std::move_only_function<Result<std::unique_ptr<SpoolFile>>()>;
  Result<Recorded> record(const Digest& digest, std::uint64_t bytes, const UploadFacts& facts,
                          Spooled spooled);
  const IngestSettings& settings() const { return settings_; }

 private:
  friend class Intake;
  Result<Recorded> publish(const NewUpload& upload, Spooled spooled);

  AssetCatalog& catalog_;
  BlobWriter& blobs_;
  const IngestSettings settings_;
  Histogram& duration_;
  Counter& created_;
  Counter& existing_;
  Counter& bytes_in_;
};

}  // namespace calotype
