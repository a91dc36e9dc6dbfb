// SPDX-License-Identifier: Apache-2.0
#include "http/representation.hpp"

#include <format>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "http/byte_range.hpp"
#include "http/conditional.hpp"

namespace calotype {
namespace {

BodyPiece slice(const BodyPiece& whole, const ByteRange& range) {
  struct Slice {
    const ByteRange& part;
    BodyPiece operator()(const std::string& text) const {
      return text.substr(part.offset, part.size);
    }
    BodyPiece operator()(const MemorySlice& memory) const {
      return MemorySlice{memory.bytes, memory.offset + part.offset, part.size};
    }
    BodyPiece operator()(const StaticSlice& fixed) const {
      return StaticSlice{fixed.bytes.substr(part.offset, part.size)};
    }
    BodyPiece operator()(const FileSlice& file) const {
      return FileSlice{file.file, file.offset + part.offset, part.size, file.check};
    }
    BodyPiece operator()(const RemoteSlice& remote) const {
      return RemoteSlice{remote.blob, remote.offset + part.offset, part.size};
    }
  };
  return std::visit(Slice{range}, whole);
}

std::string content_range(const ByteRange& range, std::uint64_t total) {
  return std::format("bytes {}-{}/{}", range.offset, range.offset + range.size - 1, total);
}

std::string validators(const Representation& representation) {
  Response fields;
  fields.add("ETag", representation.etag);
  if (representation.last_modified)
    fields.add("Last-Modified", to_http_date(*representation.last_modified));
  return fields.fields + representation.fields;
}

Response single_range(const Representation& representation, const ByteRange& range,
                      std::uint64_t total) {
  Response response{.status = 206, .fields = representation_fields(representation), .body = {}};
  response.add("Content-Range", content_range(range, total));
  response.body.push_back(slice(representation.body, range));
  return response;
}

/// multipart/byteranges (RFC 9110 §14.6).
Response several_ranges(const Representation& representation, const std::vector<ByteRange>& ranges,
                        std::uint64_t total) {
  std::array<std::byte, 12> random{};
  random_bytes(random);
  const std::string boundary = to_hex(random);
  Response response{.status = 206, .fields = {}, .body = {}};
  response.add("Content-Type", "multipart/byteranges; boundary=" + boundary);
  response.add("Accept-Ranges", "bytes");
  response.fields += validators(representation);
  for (const ByteRange& range : ranges) {
    response.body.emplace_back(
        std::format("\r\n--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n", boundary,
                    representation.media_type, content_range(range, total)));
    response.body.push_back(slice(representation.body, range));
  }
  response.body.emplace_back(std::format("\r\n--{}--\r\n", boundary));
  return response;
}

Response unsatisfiable(std::uint64_t total) {
  Response response = problem_response(416, ErrorCode::range_not_satisfiable,
                                       std::format("There are {} bytes.", total));
  response.add("Content-Range", std::format("bytes */{}", total));
  return response;
}

}  // namespace

std::string representation_fields(const Representation& representation) {
  Response fields;
  fields.add("Content-Type", representation.media_type);
  fields.add("Accept-Ranges", "bytes");
  return fields.fields + validators(representation);
}

Response respond_with(Representation representation, const RequestHead& head) {
  const Validators current{representation.etag, representation.last_modified};
  switch (evaluate_preconditions(head, current)) {
    case Precondition::not_modified:
      return Response{.status = 304, .fields = validators(representation), .body = {}};
    case Precondition::failed:
      return problem_response(
          fail(ErrorCode::precondition_failed,
               "What is here is not the version that If-Match or If-Unmodified-Since asks for.")
              .error());
    case Precondition::proceed:
      break;
  }
  const std::uint64_t total = size_of(representation.body);
  const bool ranged =
      head.method == Method::get && head.has(FieldName::range) && range_applies(head, current);
  if (ranged) {
    const RangeChoice choice = choose_ranges(head.first(FieldName::range), total);
    if (std::holds_alternative<UnsatisfiableRange>(choice)) return unsatisfiable(total);
    if (const auto* ranges = std::get_if<std::vector<ByteRange>>(&choice))
      return ranges->size() == 1 ? single_range(representation, ranges->front(), total)
                                 : several_ranges(representation, *ranges, total);
  }
  Response response{.status = 200, .fields = representation_fields(representation), .body = {}};
  response.body.push_back(std::move(representation.body));
  return response;
}

}  // namespace calotype
