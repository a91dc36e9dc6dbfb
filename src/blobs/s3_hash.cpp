// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_hash.hpp"

namespace calotype {

Result<BlobReader::Hashed> hash_object(S3Client& client, const std::string& object,
                                       const std::stop_token& stop) {
  Sha256 hash;
  std::uint64_t bytes = 0;
  S3Request request{.operation = S3Operation::get, .key = object};
  request.open_ended = true;
  request.sink = [&](ByteSpan piece) {
    hash.update(piece);
    bytes += piece.size();
    return S3Taken::all;
  };
  TRY(const S3Answer answer, client.send(request, stop));
  if (answer.status == 404 && !client.config_fault(answer))
    return fail(ErrorCode::blob_not_found, "The bytes are not in the store.", object);
  if (!answer.ok()) return std::unexpected(client.error_of(request, answer));
  return BlobReader::Hashed{hash.finish(), bytes};
}

}  // namespace calotype
