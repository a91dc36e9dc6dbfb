// SPDX-License-Identifier: Apache-2.0
// tus 1.0 with creation, creation-with-upload, creation-defer-length, termination, checksum,
// expiration and concatenation. An upload's last request answers with what has become of it: the
// fields Calotype-Asset and Calotype-Status, and to whoever accepts application/json the document
// that POST /v1/assets answers with, in place of tus's 204 without a body.
#include "http/tus_routes.hpp"

#include <algorithm>
#include <format>
#include <utility>

#include "http/asset_json.hpp"
#include "http/resumable_sink.hpp"
#include "http/router.hpp"
#include "http/tus_fields.hpp"

namespace calotype {
namespace {

constexpr std::string_view extensions =
    "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,"
    "concatenation";

Result<void> require_version(const RequestHead& head) {
  TRY(const auto version, single_field(head, "Tus-Resumable"));
  if (version == tus_version) return {};
  return fail(ErrorCode::precondition_failed,
              std::format("Tus-Resumable: {} is what this server speaks.", tus_version));
}

Result<void> require_body_type(const RequestHead& head) {
  if (has_media_type(head, tus_body_type)) return {};
  return fail(ErrorCode::unsupported_media_type,
              std::format("The body's Content-Type is {}.", tus_body_type));
}

std::string url_of(const ResumableUpload& upload) {
  return std::format("{}/{}", tus_base, upload.id);
}

bool accepts_json(const RequestHead& head) {
  return head.joined(FieldName::accept).contains("application/json");
}

/// How an upload stands, as each answer says it.
void add_standing(Response& response, const ResumableUpload& upload) {
  response.add("Upload-Offset", std::to_string(upload.received));
  response.add("Upload-Expires", to_http_date(upload.expires_at));
  if (upload.asset_id) response.add("Calotype-Asset", upload.asset_id->text());
}

/// The answer to a request that wrote: `status` without a body, or the asset's document.
Response written(const Site& site, int status, bool as_json, const ResumableUpload& upload,
                 const std::optional<Recorded>& recorded) {
  Response response{.status = status, .fields = {}, .body = {}};
  if (recorded && as_json)
    response = json_response(status == 201 || recorded->created ? 201 : 200,
                             json::serialize(recorded_json(site, *recorded)));
  if (status == 201) response.add("Location", url_of(upload));
  add_standing(response, upload);
  if (recorded) response.add("Calotype-Status", recorded->created ? "CREATED" : "EXISTING");
  return response;
}

Result<ResumableOffer> read_offer(const Exchange& exchange, const UploadConcat& concat) {
  const RequestHead& head = exchange.head;
  ResumableOffer offer{.is_partial = concat.is_partial,
                       .facts = {.file_name = {}, .uploader = exchange.principal.name, .tags = {}}};
  TRY(offer.total, whole_field(head, "Upload-Length"));
  TRY(const auto defers, single_field(head, "Upload-Defer-Length"));
  if (defers && defers != "1")
    return fail(ErrorCode::bad_request, "Upload-Defer-Length is 1, or absent.");
  const bool is_final = !concat.partials.empty();
  if (is_final ? offer.total || defers : offer.total.has_value() == defers.has_value())
    return fail(ErrorCode::bad_request,
                is_final ? "A final upload's length is that of its parts: say none."
                         : "Either Upload-Length or Upload-Defer-Length is needed.");
  TRY(const auto metadata, single_field(head, "Upload-Metadata"));
  if (metadata) {
    offer.metadata = *metadata;
    TRY_VOID(read_upload_metadata(*metadata, offer.facts));
  }
  return offer;
}

Result<std::optional<ClaimedChecksum>> read_checksum(const RequestHead& head) {
  TRY(const auto field, single_field(head, "Upload-Checksum"));
  if (!field) return std::nullopt;
  return parse_upload_checksum(*field);
}

/// Puts partial uploads together, which takes as long as reading them.
class JoinSink final : public UploadSink {
 public:
  JoinSink(const Site& site, std::vector<std::string> partials, ResumableOffer offer,
           std::string joined_from, bool as_json)
      : site_(site),
        partials_(std::move(partials)),
        offer_(std::move(offer)),
        joined_from_(std::move(joined_from)),
        as_json_(as_json) {}

  Result<void> write(ByteSpan chunk) override {
    if (chunk.empty()) return {};
    return fail(ErrorCode::bad_request, "A final upload has no bytes of its own.");
  }
  Result<Response> finish() override {
    TRY(const auto joined,
        site_.services.resumable.join(partials_, offer_, joined_from_, stop_.get_token()));
    return written(site_, 201, as_json_, joined.upload, joined.recorded);
  }
  bool takes_long() const override { return true; }
  void cancel() override { stop_.request_stop(); }

 private:
  const Site& site_;
  const std::vector<std::string> partials_;
  const ResumableOffer offer_;
  const std::string joined_from_;
  const bool as_json_;
  std::stop_source stop_;
};

}  // namespace

Result<UploadStart> create_tus_upload(const Site& site, const Exchange& exchange) {
  const RequestHead& head = exchange.head;
  TRY_VOID(require_version(head));
  TRY(const auto concat_field, single_field(head, "Upload-Concat"));
  UploadConcat concat;
  if (concat_field) {
    TRY(concat, parse_upload_concat(*concat_field));
  }
  TRY(ResumableOffer offer, read_offer(exchange, concat));
  const bool as_json = accepts_json(head);
  if (!concat.partials.empty())
    return std::make_unique<JoinSink>(site, std::move(concat.partials), std::move(offer),
                                      std::string(*concat_field), as_json);
  if (head.has_body()) TRY_VOID(require_body_type(head));
  TRY(auto checksum, read_checksum(head));
  TRY(const auto upload, site.services.resumable.create(offer));
  if (!head.has_body()) return written(site, 201, as_json, upload, std::nullopt);
  TRY(auto writable, open_for_writing(site, upload.id));
  auto sink = std::make_unique<ResumableSink>(
      std::move(writable), BodyEnd::by_length, std::move(checksum),
      [&site, as_json](const ResumableUpload& now, const std::optional<Recorded>& recorded) {
        return written(site, 201, as_json, now, recorded);
      });
  sink->end_with_failure();  // a client that gets no Location cannot go on
  return sink;
}

Result<UploadStart> append_to_tus_upload(const Site& site, const Exchange& exchange) {
  const RequestHead& head = exchange.head;
  TRY_VOID(require_version(head));
  TRY_VOID(require_body_type(head));
  TRY(const auto offset, whole_field(head, "Upload-Offset"));
  if (!offset) return fail(ErrorCode::bad_request, "Upload-Offset is missing.");
  TRY(auto checksum, read_checksum(head));
  TRY(const auto total, whole_field(head, "Upload-Length"));
  TRY(auto writable, open_for_writing(site, exchange.arguments[0]));
  const ResumableUpload& upload = writable.writer->upload();
  if (!upload.joined_from.empty())
    return fail(ErrorCode::forbidden, "A final upload takes no bytes: they are its parts'.");
  if (*offset != upload.received)
    return fail(ErrorCode::offset_mismatch,
                std::format("The upload is at offset {}, not {}.", upload.received, *offset));
  if (total) TRY_VOID(writable.writer->set_total(*total));
  if (upload.total && head.content_length.value_or(0) > *upload.total - upload.received)
    return fail(ErrorCode::too_large, std::format("The upload's length is {}.", *upload.total));
  return std::make_unique<ResumableSink>(
      std::move(writable), BodyEnd::by_length, std::move(checksum),
      [&site, as_json = accepts_json(head)](const ResumableUpload& now,
                                            const std::optional<Recorded>& recorded) {
        return written(site, 204, as_json, now, recorded);
      });
}

Result<UploadStart> show_tus_upload(const Site& site, const Exchange& exchange) {
  TRY_VOID(require_version(exchange.head));
  TRY(const auto upload, site.services.resumable.settle(exchange.arguments[0]));
  Response response{.status = 200, .fields = {}, .body = {}};
  response.add("Cache-Control", "no-store");
  add_standing(response, upload);
  if (upload.total)
    response.add("Upload-Length", std::to_string(*upload.total));
  else
    response.add("Upload-Defer-Length", "1");
  if (!upload.metadata.empty()) response.add("Upload-Metadata", upload.metadata);
  if (upload.is_partial) response.add("Upload-Concat", "partial");
  if (!upload.joined_from.empty()) response.add("Upload-Concat", upload.joined_from);
  return response;
}

Result<UploadStart> terminate_tus_upload(const Site& site, const Exchange& exchange) {
  TRY_VOID(require_version(exchange.head));
  TRY_VOID(site.services.resumable.end(exchange.arguments[0]));
  return Response{.status = 204, .fields = {}, .body = {}};
}

bool is_tus_path(std::string_view path) {
  if (!path.starts_with(tus_base)) return false;
  return path.size() == tus_base.size() || path[tus_base.size()] == '/';
}

Method tus_method(const RequestHead& head) {
  if (head.method != Method::post || !is_tus_path(head.path())) return head.method;
  const auto named = single_field(head, "X-HTTP-Method-Override");
  if (!named || !*named) return head.method;
  for (const Method method : {Method::patch, Method::remove, Method::head, Method::options})
    if (equal_ignoring_case(**named, to_string(method))) return method;
  return head.method;
}

void add_tus_fields(const Site& site, Method method, Response& response) {
  response.add("Tus-Resumable", tus_version);
  if (method == Method::options || response.status == 412) response.add("Tus-Version", tus_version);
  if (method != Method::options) return;
  response.add("Tus-Extension", extensions);
  response.add("Tus-Max-Size", std::to_string(site.services.resumable.bytes_max()));
  response.add("Tus-Checksum-Algorithm", Checksum::algorithms);
}

}  // namespace calotype
