// SPDX-License-Identifier: Apache-2.0
// What an import has brought in, so that another run of it need not read those files again: one
// file for each pair of a source and a server, appended to line by line as the server acknowledges.
//
//   calotype-import 1
//   source folder:/home/ann/Pictures
//   204800 1764057628123456789 9f86d081…b0f00a08 2026/summer/a%20b.jpg
//
// A line is a file's size, its stamp (the time of its last change in nanoseconds, or S3's ETag),
// the SHA-256 of its bytes, and its name from its source on, percent-encoded. A line that was cut
// off is passed over, and of two for one name the later counts. That the server still has the bytes
// is asked of the server.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/unique_fd.hpp"

namespace calotype {

class ImportJournal {
 public:
  /// $XDG_STATE_HOME/calotype/import/{hash of source and server}, else in ~/.local/state.
  static std::string default_path(const std::string& source, const std::string& server);
  /// With what stands there of the source. bad_config where the file cannot be made, or is
  /// something else's. Another import that has it open is waited for by nobody: bad_config too.
  static Result<std::unique_ptr<ImportJournal>> open(const std::string& path,
                                                     const std::string& source);

  /// There was an earlier run. Killed, it may have brought in some files more than stand here.
  bool is_resumed() const { return !entries_.empty(); }
  /// What a file of that name, size and stamp hashed to.
  std::optional<Digest> find(const std::string& name, std::uint64_t bytes,
                             const std::string& stamp) const;
  /// Any thread; storage_failed, insufficient_storage.
  Result<void> add(const std::string& name, std::uint64_t bytes, const std::string& stamp,
                   const Digest& digest);

 private:
  struct Entry {
    std::uint64_t bytes = 0;
    std::string stamp;
    Digest digest;
  };
  explicit ImportJournal(UniqueFd file) : file_(std::move(file)) {}
  void take_all(std::string_view lines, std::string_view source_line);
  void take(std::string_view line);

  const UniqueFd file_;
  std::unordered_map<std::string, Entry> entries_;
  std::mutex mutex_;         // of appending
  bool is_cut_off_ = false;  // the last line, for want of room
};

}  // namespace calotype
