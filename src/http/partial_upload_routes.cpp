// SPDX-License-Identifier: Apache-2.0
#include "http/partial_upload_routes.hpp"

#include <charconv>
#include <format>
#include <utility>

#include "base/json.hpp"
#include "http/asset_json.hpp"
#include "http/digest_fields.hpp"
#include "http/resumable_sink.hpp"
#include "http/router.hpp"
#include "http/tus_fields.hpp"

namespace calotype {
namespace {

constexpr std::string_view base = "/v1/uploads/";
constexpr std::string_view body_type = "application/partial-upload";
constexpr std::string_view interop_field = "Upload-Draft-Interop-Version";
constexpr std::string_view interop_version = "8";  // of the drafts 09 to 11; later ones have none

/// An item's value without its parameters (RFC 9651); empty for what is none and to be ignored.
std::string_view item_field(const RequestHead& head, std::string_view name) {
  const auto field = single_field(head, name);
  if (!field || !*field) return {};
  return trim((*field)->substr(0, (*field)->find(';')));
}

std::optional<bool> complete_field(const RequestHead& head) {
  const std::string_view item = item_field(head, "Upload-Complete");
  if (item == "?1") return true;
  if (item == "?0") return false;
  return std::nullopt;
}

std::optional<std::uint64_t> number_field(const RequestHead& head, std::string_view name) {
  constexpr std::size_t digits_max = 15;
  const std::string_view item = item_field(head, name);
  std::uint64_t number = 0;
  const auto [stopped, error] = std::from_chars(item.data(), item.data() + item.size(), number);
  const bool is_whole = error == std::errc{} && stopped == item.data() + item.size();
  return is_whole && item.size() <= digits_max ? std::optional(number) : std::nullopt;
}

std::string limits(const Site& site, const ResumableUpload* upload) {
  std::string text = std::format("max-size={}", site.services.resumable.bytes_max());
  if (upload == nullptr) return text;
  const auto left = upload->expires_at - site.services.clock.now();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left).count();
  return text + std::format(", max-age={}", std::max<std::int64_t>(seconds, 0));
}

std::string url_of(const ResumableUpload& upload) {
  return std::string(base) + upload.id;
}

/// As the draft names it, with what a client needs to go on.
Response problem_of_type(std::string_view type, int status, ErrorCode code, std::string detail,
                         json::object members = {}) {
  json::object document{
      {"type", std::format("https://iana.org/assignments/http-problem-types#{}", type)},
      {"title", reason_phrase(status)},
      {"status", status},
      {"code", to_string(code)},
      {"detail", detail}};
  for (auto& member : members) document.insert(member);
  Response response = text_response(status, "application/problem+json", json::serialize(document));
  response.add("Cache-Control", "no-store");
  return response;
}

Response inconsistent_length(std::uint64_t said) {
  return problem_of_type("inconsistent-upload-length", 400, ErrorCode::bad_request,
                         std::format("The upload's length was said to be {}.", said));
}

Response mismatching_offset(const ResumableUpload& upload, std::uint64_t provided) {
  Response response =
      problem_of_type("mismatching-upload-offset", 409, ErrorCode::offset_mismatch,
                      std::format("The upload is at offset {}, not {}.", upload.received, provided),
                      {{"expected-offset", upload.received}, {"provided-offset", provided}});
  response.add("Upload-Offset", std::to_string(upload.received));
  return response;
}

Response completed(const ResumableUpload& upload) {
  Response response = problem_of_type("completed-upload", 400, ErrorCode::bad_request,
                                      "The upload is complete and takes no more bytes.");
  response.add("Calotype-Asset", upload.asset_id->text());
  return response;
}

void add_standing(Response& response, const ResumableUpload& upload) {
  const bool is_complete = upload.state == ResumableState::finished;
  response.add("Upload-Complete", is_complete ? "?1" : "?0");
  response.add("Upload-Offset", std::to_string(upload.received));
  if (upload.asset_id) response.add("Calotype-Asset", upload.asset_id->text());
}

/// The answer to a request that wrote.
Response written(const Site& site, int status, const ResumableUpload& upload,
                 const std::optional<Recorded>& recorded) {
  Response response{.status = status, .fields = {}, .body = {}};
  if (recorded) {
    response = recorded_response(site, *recorded);
  } else {
    if (status == 201) response.add("Location", url_of(upload));
    response.add("Upload-Limit", limits(site, &upload));
  }
  add_standing(response, upload);
  return response;
}

/// The first 104 says where to go on, later ones how far it has come.
std::string interim(const Site& site, const ResumableUpload& upload, bool is_first,
                    bool says_version) {
  Response fields;
  if (is_first) {
    fields.add("Location", url_of(upload));
    fields.add("Upload-Limit", limits(site, &upload));
  } else {
    fields.add("Upload-Offset", std::to_string(upload.received));
  }
  if (says_version) fields.add(interop_field, interop_version);
  return "HTTP/1.1 104 Upload Resumption Supported\r\n" + fields.fields + "\r\n";
}

/// What the request says of the length of all: by its field, or by being the rest of it.
/// Two words that differ are the first answer's concern.
struct SaidLength {
  std::optional<std::uint64_t> by_field{};
  std::optional<std::uint64_t> by_content{};

  bool is_consistent() const { return !by_field || !by_content || *by_field == *by_content; }
  std::optional<std::uint64_t> value() const { return by_field ? by_field : by_content; }
};
SaidLength said_length(const RequestHead& head, bool is_complete, std::uint64_t offset) {
  SaidLength length{.by_field = number_field(head, "Upload-Length")};
  if (is_complete && !head.chunked) length.by_content = offset + head.content_length.value_or(0);
  return length;
}

/// Content-Digest, of this request's bytes.
Result<std::optional<ClaimedChecksum>> read_content_digest(const RequestHead& head) {
  TRY(const ClaimedDigests claimed, parse_digest_field(head.joined(FieldName::content_digest)));
  if (!claimed.sha256) return std::nullopt;
  const auto& bytes = claimed.sha256->bytes;
  return ClaimedChecksum{
      *Checksum::of("sha256"), {bytes.begin(), bytes.end()}, ErrorCode::digest_mismatch};
}

}  // namespace

bool asks_for_resumption(const RequestHead& head) {
  if (!complete_field(head)) return false;
  const auto version = single_field(head, interop_field);
  return version && (!*version || **version == interop_version);
}

Result<UploadStart> begin_partial_upload(const Site& site, const Exchange& exchange,
                                         UploadFacts facts) {
  const RequestHead& head = exchange.head;
  const bool is_complete = *complete_field(head);
  const SaidLength length = said_length(head, is_complete, 0);
  if (!length.is_consistent()) return inconsistent_length(*length.by_field);
  TRY(auto checksum, read_content_digest(head));
  TRY(const ClaimedDigests whole, parse_digest_field(head.joined(FieldName::repr_digest)));
  if (whole.sha512)
    return fail(ErrorCode::bad_digest_header,
                "What is uploaded in parts is checked against sha-256 only.");
  TRY(const auto upload,
      site.services.resumable.create(
          {.total = length.value(), .expected = whole.sha256, .facts = std::move(facts)}));
  TRY(auto writable, open_for_writing(site, upload.id));
  return std::make_unique<ResumableSink>(
      std::move(writable), is_complete ? BodyEnd::complete : BodyEnd::incomplete,
      std::move(checksum),
      [&site](const ResumableUpload& now, const std::optional<Recorded>& recorded) {
        return written(site, 201, now, recorded);
      },
      [&site, is_first = true, says_version = single_field(head, interop_field)->has_value()](
          const ResumableUpload& now) mutable {
        return interim(site, now, std::exchange(is_first, false), says_version);
      });
}

Result<UploadStart> append_to_partial_upload(const Site& site, const Exchange& exchange) {
  const RequestHead& head = exchange.head;
  if (!has_media_type(head, body_type))
    return fail(ErrorCode::unsupported_media_type,
                std::format("The body's Content-Type is {}.", body_type));
  const auto is_complete = complete_field(head);
  if (!is_complete) return fail(ErrorCode::bad_request, "Upload-Complete is ?1 or ?0.");
  const auto offset = number_field(head, "Upload-Offset");
  if (!offset) return fail(ErrorCode::bad_request, "Upload-Offset is a whole number.");
  TRY(auto checksum, read_content_digest(head));
  const SaidLength length = said_length(head, *is_complete, *offset);
  TRY(auto writable, open_for_writing(site, exchange.arguments[0]));
  ResumableWriter& writer = *writable.writer;
  const ResumableUpload& upload = writer.upload();
  if (*offset != upload.received) return mismatching_offset(upload, *offset);
  if (upload.state == ResumableState::finished) return completed(upload);
  if (!length.is_consistent()) return inconsistent_length(*length.by_field);
  if (const auto total = length.value()) {
    if (upload.total && *upload.total != *total) return inconsistent_length(*upload.total);
    TRY_VOID(writer.set_total(*total));
  }
  return std::make_unique<ResumableSink>(
      std::move(writable), *is_complete ? BodyEnd::complete : BodyEnd::incomplete,
      std::move(checksum),
      [&site](const ResumableUpload& now, const std::optional<Recorded>& recorded) {
        return written(site, 204, now, recorded);
      },
      [&site, is_first = true](const ResumableUpload& now) mutable {
        return std::exchange(is_first, false) ? std::string{} : interim(site, now, false, false);
      });
}

Result<UploadStart> show_partial_upload(const Site& site, const Exchange& exchange) {
  TRY(const auto upload, site.services.resumable.look(exchange.arguments[0]));
  Response response{.status = 204, .fields = {}, .body = {}};
  response.add("Cache-Control", "no-store");
  add_standing(response, upload);
  if (upload.total) response.add("Upload-Length", std::to_string(*upload.total));
  response.add("Upload-Limit", limits(site, &upload));
  return response;
}

Result<UploadStart> cancel_partial_upload(const Site& site, const Exchange& exchange) {
  TRY_VOID(site.services.resumable.end(exchange.arguments[0]));
  return Response{.status = 204, .fields = {}, .body = {}};
}

void add_partial_upload_fields(const Site& site, const RequestHead& head, Response& response) {
  const bool is_asked = head.method == Method::options;
  if (!is_asked && response.status != 413) return;
  if (head.path() != "/v1/assets" && !head.path().starts_with(base)) return;
  if (is_asked) response.add("Accept-Patch", body_type);
  response.add("Upload-Limit", limits(site, nullptr));
}

}  // namespace calotype
