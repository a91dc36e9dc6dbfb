// SPDX-License-Identifier: Apache-2.0
// Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload): any POST /v1/assets of a raw
// body that says Upload-Complete can be gone on with at /v1/uploads/{upload}. The client is told
// where by a 104 before its bytes are read.
#pragma once

#include "http/site.hpp"

namespace calotype {

/// Whether the request says Upload-Complete, in a version of the draft that this server speaks.
bool asks_for_resumption(const RequestHead& head);

/// For such a request; bad_request, too_large, missing_upload, bad_digest_header.
Result<UploadStart> begin_partial_upload(const Site& site, const Exchange& exchange,
                                         UploadFacts facts);

/// To OPTIONS of what can be gone on with: that it can, and the limits; these also where they were
/// exceeded.
void add_partial_upload_fields(const Site& site, const RequestHead& head, Response& response);

}  // namespace calotype
