// SPDX-License-Identifier: Apache-2.0
// The page for people at `/`, and its scripts, styles and fonts below /page/. The files are public;
// what the page shows it asks of /v1/, with a key where keys are in force. index.html is asked for
// anew each time (304 where it is the same) and names everything else by the content's hash, so
// that all of that is immutable.
#include <algorithm>
#include <format>

#include "asset/accept.hpp"
#include "http/page_files.hpp"
#include "http/representation.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

/// Nothing from elsewhere, and nothing that could be smuggled in by a file name or by metadata:
/// scripts and styles are files of this server. blob: and data: are pictures that the page has made
/// itself (previews, placeholders).
constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

struct Coded {
  std::string_view bytes;
  std::string_view coding;  // empty: as it is
};

/// What the client likes best of what there is; the smaller one where it does not mind.
Coded choose_coding(const PageFile& file, std::string_view accept_encoding) {
  const int gzip = file.gzip.empty() ? 0 : accepted_weight(accept_encoding, "gzip");
  const int brotli = file.brotli.empty() ? 0 : accepted_weight(accept_encoding, "br");
  if (brotli > 0 && brotli >= gzip) return {file.brotli, "br"};
  if (gzip > 0) return {file.gzip, "gzip"};
  return {file.plain, {}};
}

const PageFile* find_file(std::string_view name) {
  const auto found = std::ranges::find(page_files(), name, &PageFile::name);
  return found == page_files().end() ? nullptr : &*found;
}

/// A coding is a representation of its own, with a tag of its own.
Response respond(const PageFile& file, const RequestHead& head, Response fields) {
  const Coded coded = choose_coding(file, head.joined(FieldName::accept_encoding));
  const std::string_view tag_suffix = coded.coding.empty() ? "plain" : coded.coding;
  fields.add("Vary", "Accept-Encoding");
  fields.add("X-Content-Type-Options", "nosniff");
  fields.add("Cross-Origin-Resource-Policy", "same-origin");
  if (!coded.coding.empty()) fields.add("Content-Encoding", coded.coding);
  return respond_with({.media_type = std::string(file.media_type),
                       .etag = std::format("\"{}-{}\"", file.digest, tag_suffix),
                       .last_modified = std::nullopt,
                       .fields = std::move(fields.fields),
                       .body = StaticSlice{coded.bytes}},
                      head);
}

}  // namespace

Answer show_page(const Site&, const Exchange& exchange) {
  const PageFile* const index = find_file("index.html");
  require(index != nullptr, "the page has an index.html");
  Response fields;
  fields.add("Cache-Control", "no-cache");
  fields.add("Content-Security-Policy", content_security_policy);
  fields.add("Cross-Origin-Opener-Policy", "same-origin");
  fields.add("Referrer-Policy", "same-origin");
  return respond(*index, exchange.head, std::move(fields));
}

Answer get_page_file(const Site&, const Exchange& exchange) {
  const PageFile* const file = find_file(exchange.arguments[0]);
  if (file == nullptr || file->name == "index.html")
    return problem_response(
        fail(ErrorCode::route_not_found, "The page of this version has no such file.").error());
  Response fields;
  fields.add("Cache-Control", "public, max-age=31536000, immutable");
  return respond(*file, exchange.head, std::move(fields));
}

}  // namespace calotype
