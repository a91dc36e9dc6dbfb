// SPDX-License-Identifier: Apache-2.0
// Somebody's bucket, as it lies: its objects by name, and their bytes. For bringing them in; our
// own blobs are behind blob_store.hpp.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/encoding.hpp"
#include "base/metrics.hpp"
#include "blobs/s3_settings.hpp"

namespace calotype {

class BucketReader {
 public:
  virtual ~BucketReader() = default;

  struct Object {
    std::string name;  // behind the place's prefix
    std::uint64_t bytes = 0;
    std::string etag;
  };
  struct Page {
    std::vector<Object> objects;
    std::string next;  // what the next page is asked with; empty at the end
  };
  /// In the order of their names. bad_config where the settings are wrong; storage_failed,
  /// overloaded where S3 does not answer.
  virtual Result<Page> list(const std::string& next) = 0;
  /// All bytes in order, of that version and no other (If-Match). blob_not_found where it is gone
  /// or another one by now; the sink's errors; cancelled.
  using Sink = std::function<Result<void>(ByteSpan)>;
  virtual Result<void> get(const Object& object, const Sink& sink, const std::stop_token& stop) = 0;
};

/// Any thread. `metrics` outlives it.
Result<std::unique_ptr<BucketReader>> open_bucket(const S3Settings& settings, Metrics& metrics);

}  // namespace calotype
