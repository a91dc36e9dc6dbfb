// SPDX-License-Identifier: Apache-2.0
// The XML that S3 speaks, both ways. What comes is untrusted: it is read by Expat into a small tree
// with limits on size, depth and elements, and no document type is accepted, so that no entity can
// be declared. What S3 calls things is looked up in the tree; what is not there is empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace calotype {

struct XmlElement {
  std::string name{};
  std::string text{};  // its own, without that of its children
  std::vector<XmlElement> children{};

  /// nullptr where there is none of that name.
  const XmlElement* find(std::string_view child) const;
  /// Its text, or nothing.
  std::string_view text_of(std::string_view child) const;
};

/// Nothing where it is no well-formed document, or past a limit.
std::optional<XmlElement> parse_xml(std::string_view document);
std::string to_xml(const XmlElement& element);

struct S3ListedObject {
  std::string key;
  std::uint64_t bytes = 0;
  Timestamp modified{};
  std::string etag{};  // with its quotes
};
struct S3ListPage {
  std::vector<S3ListedObject> objects;
  std::string continuation;  // empty: the list ends here
};
/// ListBucketResult with encoding-type=url; nothing where it is none.
std::optional<S3ListPage> parse_list_page(std::string_view document);

struct S3ListedUpload {
  std::string key;
  std::string upload_id;
  Timestamp initiated{};
};
struct S3UploadPage {
  std::vector<S3ListedUpload> uploads;
  std::string key_marker;  // both empty: the list ends here
  std::string upload_marker;
};
std::optional<S3UploadPage> parse_upload_page(std::string_view document);

struct S3ErrorDocument {
  std::string code;
  std::string message;
  std::string region;
};
/// Nothing where the document is no S3 error.
std::optional<S3ErrorDocument> parse_s3_error(std::string_view document);

/// The UploadId of an InitiateMultipartUploadResult.
std::optional<std::string> parse_upload_id(std::string_view document);

/// "2026-11-25T00:54:45.872Z".
std::optional<Timestamp> parse_s3_time(std::string_view text);

}  // namespace calotype
