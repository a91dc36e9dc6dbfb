// SPDX-License-Identifier: Apache-2.0
// What there is to bring in, and the bytes of each. A folder's files, below it and with their paths
// from it; links to files are followed, links to folders are not, so that no walk is endless. Or
// the objects of a bucket.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/uploading.hpp"

namespace calotype {

struct ImportItem {
  std::string name;  // from the source on: "2026/summer/a.jpg"; any bytes but zero
  std::uint64_t bytes = 0;
  std::string stamp;  // changes when the bytes do; no blanks
};

struct ImportFailure {
  std::string name;
  Error error;
};

struct ImportListing {
  std::vector<ImportItem> items;
  std::uint64_t skipped = 0;            // hidden, or no pictures, films or sounds by their ending
  std::vector<ImportFailure> failures;  // what could not be looked at
};

class ImportSource {
 public:
  virtual ~ImportSource() = default;
  /// Its name for the journal: the same whichever way it was written.
  virtual const std::string& id() const = 0;
  /// `all`: hidden files and whatever else too. cancelled; an error where there is no such source.
  virtual Result<ImportListing> list(bool all, const std::stop_token& stop) = 0;
  /// Opened and hashed. Any thread. bad_request where it has changed meanwhile.
  struct Read {
    OpenFile file;
    Digest digest;
  };
  virtual Result<Read> read(const ImportItem& item, const std::stop_token& stop) = 0;
};

/// bad_request where there is no such folder.
Result<std::unique_ptr<ImportSource>> folder_source(const std::string& path);

/// s3://bucket/prefix?endpoint=…, with the keys of the environment (AWS_ACCESS_KEY_ID, …).
/// bad_config.
Result<std::unique_ptr<ImportSource>> bucket_source(const std::string& url);

/// Whether its ending is one of a picture, a film, a sound or a document that shows one.
bool is_media_name(std::string_view name);

}  // namespace calotype
