// SPDX-License-Identifier: Apache-2.0
// From what there is to send to what this request gets of it: all, nothing because the client has
// it, a range, or several. The one place where conditions and ranges are decided, for originals and
// variants, in memory and in files.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "http/request_head.hpp"
#include "http/response.hpp"

namespace calotype {

struct Representation {
  std::string media_type;
  std::string etag;  // with its quotes
  std::optional<Timestamp> last_modified;
  std::string fields;  // further header fields, sent with 200, 206 and 304 alike
  BodyPiece body;      // whole
};

/// 200, 206, 304, 412 or 416. For GET; of a HEAD's answer the connection sends the head alone.
Response respond_with(Representation representation, const RequestHead& head);

/// "Content-Type", "ETag", "Last-Modified", "Accept-Ranges" and the further fields: the head of the
/// plain 200, as prepared for the hot index.
std::string representation_fields(const Representation& representation);

}  // namespace calotype
