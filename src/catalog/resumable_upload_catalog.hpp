// SPDX-License-Identifier: Apache-2.0
// Uploads that come in parts: how far each is, and the state of its hash there. Bytes are durable
// before the row says so, and whoever writes holds a lease: its fencing token grows with every
// lease, and nothing is recorded but under the newest, so that a writer that was put to sleep, or
// whose server died, cannot move an upload that another goes on with.
//
// An upload that has ended, well or not, keeps its row for a while, to say so to whoever asks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "catalog/rows.hpp"

namespace calotype {

enum class ResumableState : std::uint8_t {
  receiving,
  finished,  // recorded as an upload of an asset
  ended,     // expired, or ended by the client
};

struct ResumableUpload {
  std::string id;
  ResumableState state = ResumableState::receiving;
  bool is_partial = false;  // becomes a part of another upload, and no asset of its own
  std::uint64_t received = 0;
  std::optional<std::uint64_t> total{};  // nothing while the client has not said
  std::vector<std::byte> hash_state{};   // of what was received; base/resumable_sha256.hpp
  std::optional<Digest> expected{};      // what all of it has to hash to, where the client said so
  std::vector<std::string> parts{};  // as the store named them; only where it is held or claimed
  // What the upload's row will say.
  std::string file_name{};
  std::string uploader{};
  std::vector<std::string> tags{};
  std::string collection{};
  std::string fields_json{};
  // As the client wrote them, for whoever asks (tus: Upload-Metadata, Upload-Concat).
  std::string metadata{};
  std::string joined_from{};
  // Once it is finished.
  std::optional<AssetId> asset_id{};
  Timestamp created_at{};
  Timestamp expires_at{};

  bool is_whole() const { return total && received == *total; }
};

struct ResumableLease {
  std::string upload_id;
  std::int64_t fence = 0;
};

struct ResumableProgress {
  std::uint64_t received = 0;
  std::optional<std::uint64_t> total{};
  std::vector<std::byte> hash_state{};
  std::vector<std::string> new_parts{};
};

class ResumableUploadCatalog {
 public:
  virtual ~ResumableUploadCatalog() = default;

  /// With its expiry so long from now; state, id and what was received are its own. Durable.
  virtual Result<void> create_resumable(const ResumableUpload& upload,
                                        std::chrono::milliseconds expires_in) = 0;
  /// upload_not_found. With its parts.
  virtual Result<ResumableUpload> find_resumable(std::string_view id) = 0;

  struct Claimed {
    ResumableUpload upload;
    ResumableLease lease;
  };
  struct Held {};  // by somebody else, who has been told that it is wanted
  /// The right to write it; whatever its state is. upload_not_found. Relaxed.
  virtual Result<std::variant<Claimed, Held>> claim_resumable(std::string_view id,
                                                              std::chrono::milliseconds lease) = 0;
  /// The lease ends so long from now. True: somebody else wants the upload. lease_lost. Relaxed.
  virtual Result<bool> extend_resumable(const ResumableLease& lease,
                                        std::chrono::milliseconds by) = 0;
  virtual Result<void> release_resumable(const ResumableLease& lease) = 0;  // relaxed

  // Under the lease (lease_lost), durable.
  /// More of it is durable; it expires so long from now.
  virtual Result<void> advance_resumable(const ResumableLease& lease,
                                         const ResumableProgress& progress,
                                         std::chrono::milliseconds expires_in) = 0;
  virtual Result<void> finish_resumable(const ResumableLease& lease, const AssetId& asset) = 0;
  virtual Result<void> end_resumable(const ResumableLease& lease) = 0;

  /// Uploads that were still being received when they expired, and those that ended in whatever
  /// way and expired `kept_for` ago: the first are to be ended, the second to be forgotten.
  virtual Result<std::vector<std::string>> expired_resumables(std::size_t limit) = 0;
  virtual Result<std::vector<std::string>> outdated_resumables(std::chrono::milliseconds kept_for,
                                                               std::size_t limit) = 0;
  virtual Result<void> forget_resumable(std::string_view id) = 0;  // durable
};

}  // namespace calotype
