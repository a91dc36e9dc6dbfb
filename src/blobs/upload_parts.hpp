// SPDX-License-Identifier: Apache-2.0
// Bytes of uploads that come in pieces, durable as they come, until all of an upload is there and
// it becomes a blob. They lie beside the blobs, and are none: nobody reads them but to go on.
//
//   parts/mfrggzdfmztwq2lkmzxhi3lbnm        a folder: one file an upload, which grows
//   parts/mfrggzdfmztwq2lkmzxhi3lbnm/…      S3: one object a piece, named by the store
//
// How far an upload has come is the catalog's to say: what lies behind that was never acknowledged
// and is written over, so that a writer that died, or was put to sleep, does no harm.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "blobs/blob_store.hpp"

namespace calotype {

/// What the catalog knows of an upload's bytes. Borrowed for one call.
struct KeptUpload {
  std::string_view id;  // as new_id makes it
  std::uint64_t bytes = 0;
  std::span<const std::string> parts{};  // what UploadWriter::flush has given, in order
};

/// Goes on with one upload. One owner, one thread at a time.
class UploadWriter {
 public:
  virtual ~UploadWriter() = default;
  /// insufficient_storage, storage_failed, overloaded.
  virtual Result<void> append(ByteSpan bytes) = 0;
  /// What was appended is durable on return. The names of the parts that are new since the last
  /// call, for the catalog to keep; a store that needs none gives none.
  virtual Result<std::vector<std::string>> flush() = 0;
};

class UploadParts {
 public:
  virtual ~UploadParts() = default;

  /// upload_gone where its bytes are not here (any more), upload_locked where somebody else is
  /// writing them. `fence` is of the catalog's lease, and so this writer's alone.
  virtual Result<std::unique_ptr<UploadWriter>> resume(const KeptUpload& upload,
                                                       std::int64_t fence) = 0;
  /// All of it as a file for BlobWriter::publish; on a folder no byte is copied. Nobody writes it
  /// meanwhile. Errors as resume's.
  virtual Result<std::unique_ptr<SpoolFile>> assemble(const KeptUpload& upload) = 0;
  /// Gives all of it, in order, until `take` fails. Errors as resume's, or `take`'s.
  using Take = std::function<Result<void>(ByteSpan)>;
  virtual Result<void> read(const KeptUpload& upload, const Take& take) = 0;
  /// Removes every byte of it, acknowledged or not. Success too where there is none.
  virtual Result<void> remove(std::string_view id) = 0;
};

}  // namespace calotype
