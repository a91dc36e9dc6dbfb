// SPDX-License-Identifier: Apache-2.0
// The header fields of tus 1.0 (https://tus.io/protocols/resumable-upload), read strictly: what is
// malformed is refused with bad_request, and so is a field that comes twice.
//
//   Upload-Metadata: filename aG9saWRheS5qcGc=,tags c2VhLHN1bg==,is_private
//   Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=
//   Upload-Concat: final;/v1/tus/mfrgg…,/v1/tus/nfzgi…        (blanks between, in truth)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/checksum.hpp"
#include "http/request_head.hpp"
#include "pipeline/ingest.hpp"

namespace calotype {

inline constexpr std::string_view tus_version = "1.0.0";
inline constexpr std::string_view tus_body_type = "application/offset+octet-stream";
inline constexpr std::string_view tus_base = "/v1/tus";

/// Nothing where the field is absent.
Result<std::optional<std::string_view>> single_field(const RequestHead& head,
                                                     std::string_view name);
/// A whole number that fits into 63 bits.
Result<std::optional<std::uint64_t>> whole_field(const RequestHead& head, std::string_view name);

/// Whether the body is of that type, in any case and with any parameters.
bool has_media_type(const RequestHead& head, std::string_view type);

/// Adds to `facts` what the metadata says: filename (or name), tags, collection, fields (a JSON
/// object). Other keys are the client's own.
Result<void> read_upload_metadata(std::string_view field, UploadFacts& facts);

struct ClaimedChecksum {
  Checksum algorithm;
  std::vector<std::byte> sum;
  ErrorCode mismatch = ErrorCode::checksum_mismatch;
};
Result<ClaimedChecksum> parse_upload_checksum(std::string_view field);

struct UploadConcat {
  bool is_partial = false;
  std::vector<std::string> partials{};  // the ids, of a final upload
};
Result<UploadConcat> parse_upload_concat(std::string_view field);

}  // namespace calotype
