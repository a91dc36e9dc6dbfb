// SPDX-License-Identifier: Apache-2.0
// Repr-Digest and Content-Digest (RFC 9530): a dictionary of byte sequences (RFC 8941).
//
//   sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, sha-512=:…:
#pragma once

#include <string_view>

#include "pipeline/ingest.hpp"

namespace calotype {

/// Unknown algorithms are passed over; an empty field claims nothing. bad_digest_header where the
/// syntax is broken or a digest has the wrong length.
Result<ClaimedDigests> parse_digest_field(std::string_view field);

/// Both fields together; bad_digest_header where they contradict each other (of a plain upload they
/// speak of the same bytes).
Result<ClaimedDigests> parse_digest_fields(std::string_view repr_digest,
                                           std::string_view content_digest);

}  // namespace calotype
