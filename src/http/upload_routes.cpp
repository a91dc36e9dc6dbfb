// SPDX-License-Identifier: Apache-2.0
// Bytes on their way in: a raw body, the one file of a form, or what is at a URL; and content that
// is here already, which is recorded again without its bytes.
#include <algorithm>
#include <format>
#include <stop_token>
#include <utility>

#include "fetch/url_fetcher.hpp"
#include "http/asset_json.hpp"
#include "http/content_disposition.hpp"
#include "http/digest_fields.hpp"
#include "http/multipart.hpp"
#include "http/partial_upload_routes.hpp"
#include "http/query.hpp"
#include "http/router.hpp"
#include "http/upload_facts.hpp"

namespace calotype {
namespace {

constexpr std::size_t field_bytes_max = 64 << 10;
constexpr std::uint64_t form_bytes_max = 4 << 20;  // of a form beside its file

class RawSink final : public UploadSink {
 public:
  RawSink(const Site& site, Intake intake, UploadFacts facts)
      : site_(site), intake_(std::move(intake)), facts_(std::move(facts)) {}

  Result<void> write(ByteSpan chunk) override { return intake_.write(chunk); }
  Result<Response> finish() override {
    TRY(const Recorded recorded, intake_.finish(facts_));
    return recorded_response(site_, recorded);
  }

 private:
  const Site& site_;
  Intake intake_;
  UploadFacts facts_;
};

/// A form with exactly one file; tags, collection and fields beside it, others are passed over. A
/// file input that was left empty, which browsers send as a part without a name and without bytes,
/// is no file.
class FormSink final : public UploadSink, private MultipartParser::Receiver {
 public:
  FormSink(const Site& site, Intake intake, UploadFacts facts, std::string_view boundary)
      : site_(site), intake_(std::move(intake)), facts_(std::move(facts)), parser_(boundary) {}

  Result<void> write(ByteSpan chunk) override { return parser_.feed(as_text(chunk), *this); }

  Result<Response> finish() override {
    if (!parser_.complete())
      return fail(ErrorCode::bad_request, "The multipart body ends before its last delimiter.");
    if (!has_file_)
      return fail(ErrorCode::missing_upload, "The form has no file: a part with a filename.");
    TRY(const Recorded recorded, intake_.finish(facts_));
    return recorded_response(site_, recorded);
  }

 private:
  Result<void> part_begins(PartHead head) override {
    may_be_file_ = head.file_name.has_value() && head.file_name->empty();
    in_file_ = head.file_name.has_value() || head.name == "file";
    field_name_ = in_file_ ? std::string{} : head.name;
    field_.clear();
    if (!in_file_ || may_be_file_) return {};
    if (head.file_name) facts_.file_name = *head.file_name;
    return take_file();
  }

  Result<void> take_file() {
    if (has_file_) return fail(ErrorCode::bad_request, "A form has one file, this one has more.");
    has_file_ = true;
    return {};
  }

  Result<void> part_content(std::string_view bytes) override {
    if (std::exchange(may_be_file_, false)) TRY_VOID(take_file());
    if (in_file_) return intake_.write(as_bytes(bytes));
    if (field_.size() + bytes.size() > field_bytes_max)
      return fail(ErrorCode::bad_request,
                  std::format("A field of the form is at most {} bytes.", field_bytes_max));
    field_.append(bytes);
    return {};
  }

  Result<void> part_ends() override { return take_fact(facts_, field_name_, field_); }

  const Site& site_;
  Intake intake_;
  UploadFacts facts_;
  MultipartParser parser_;
  bool has_file_ = false;
  bool in_file_ = false;
  bool may_be_file_ = false;  // without a name: one as soon as it has a byte
  std::string field_name_;
  std::string field_;
};

/// A JSON object that names a URL: what is there is brought in, as if the client had sent it. The
/// URL's own credentials are refused, and what is in its query is shown to nobody.
class UrlSink final : public UploadSink {
 public:
  UrlSink(const Site& site, Intake intake, UploadFacts facts)
      : site_(site), intake_(std::move(intake)), facts_(std::move(facts)) {}

  Result<void> write(ByteSpan chunk) override {
    if (body_.size() + chunk.size() > field_bytes_max)
      return fail(ErrorCode::too_large,
                  std::format("The JSON that names a URL is at most {} bytes; a JSON file is sent "
                              "as application/octet-stream or in a form.",
                              field_bytes_max));
    body_.append(as_text(chunk));
    return {};
  }

  Result<Response> finish() override {
    TRY(const std::string url, read_order());
    if (site_.services.fetcher == nullptr)
      return fail(ErrorCode::url_not_allowed,
                  "This server fetches from no URL: fetch.allow names the hosts that it may.");
    TRY(const auto fetched,
        site_.services.fetcher->fetch(
            url, [this](ByteSpan bytes) { return take(bytes); }, stop_.get_token()));
    if (intake_.bytes() == 0) return fail(ErrorCode::fetch_failed, "The URL's file is empty.");
    if (facts_.file_name.empty())
      if (const auto disposition = parse_field_parameters(fetched.content_disposition))
        facts_.file_name = file_name_in(*disposition);
    if (facts_.file_name.empty()) facts_.file_name = clean_file_name(fetched.path_name);
    TRY(const Recorded recorded, intake_.finish(facts_));
    return recorded_response(site_, recorded);
  }

  bool takes_long() const override { return true; }
  void cancel() override { stop_.request_stop(); }

 private:
  Result<std::string> read_order() {
    auto document = parse_json(body_);
    if (!document || !document->is_object())
      return fail(ErrorCode::bad_request,
                  "A body of application/json is an object with the URL of a file: {\"url\": "
                  "\"https://…\"}. A JSON file is sent as application/octet-stream or in a form.");
    const json::object& object = document->get_object();
    static constexpr std::string_view known[] = {"url",        "file_name", "tags",
                                                 "collection", "fields",    "sha256"};
    for (const auto& member : object)
      if (std::ranges::find(known, std::string_view(member.key())) == std::end(known))
        return fail(ErrorCode::bad_request,
                    std::format("There is no member “{}”; there are url, file_name, tags, "
                                "collection, fields, sha256.",
                                std::string_view(member.key()).substr(0, 80)));
    TRY(const std::string url, text_member(object, "url"));
    if (url.empty()) return fail(ErrorCode::bad_request, "url is missing: what is to be fetched.");
    TRY_VOID(take_facts(facts_, object));
    TRY(const std::string sha256, text_member(object, "sha256"));
    if (!sha256.empty()) {
      const auto digest = Digest::from_hex(sha256);
      if (!digest)
        return fail(ErrorCode::bad_request, "sha256 is 64 hexadecimal digits of the file's hash.");
      intake_.expect(*digest);
    }
    return url;
  }

  Result<void> take(ByteSpan bytes) { return intake_.write(bytes); }

  const Site& site_;
  Intake intake_;
  UploadFacts facts_;
  std::string body_;
  std::stop_source stop_;
};

bool is_json(std::string_view content_type) {
  const auto type = parse_field_parameters(content_type);
  return type && type->value == "application/json";
}

Response challenge(const Site& site, const AssetRow& asset) {
  const auto challenge =
      site.possession.challenge(asset.digest, asset.bytes, site.services.clock.now());
  const json::object document{
      {"type", "about:blank"},
      {"title", reason_phrase(428)},
      {"status", 428},
      {"code", "PROOF_REQUIRED"},
      {"detail",
       "Ask again with \"proof\": {\"nonce\", \"sha256\"}, where sha256 is the hash of the nonce's "
       "characters followed by that range of the file."},
      {"offset", challenge.offset},
      {"length", challenge.length},
      {"nonce", challenge.nonce}};
  Response response = text_response(428, "application/problem+json", json::serialize(document));
  response.add("Cache-Control", "no-store");
  return response;
}

/// True where the client has shown that it has the bytes; false where it has to be asked (again).
Result<bool> proves_possession(const Site& site, const AssetRow& asset,
                               const json::object& object) {
  const json::value* proof = object.if_contains("proof");
  if (proof == nullptr) return false;
  if (!proof->is_object()) return fail(ErrorCode::bad_request, "proof is an object.");
  TRY(const std::string nonce, text_member(proof->as_object(), "nonce"));
  TRY(const std::string claimed, text_member(proof->as_object(), "sha256"));
  const auto asked = site.possession.recognise(nonce, asset.digest, site.services.clock.now());
  if (!asked) return false;
  TRY(const std::string range,
      site.services.blobs.read_range(BlobKey::original(asset.digest), asked->offset,
                                     static_cast<std::size_t>(asked->length)));
  Sha256 hash;
  hash.update(as_bytes(nonce));
  hash.update(as_bytes(range));
  if (!equal_constant_time(hash.finish().hex(), claimed))
    return fail(ErrorCode::forbidden, "The proof is wrong: these are not the file's bytes.");
  return true;
}

Result<Response> record(const Site& site, const Exchange& exchange) {
  TRY_VOID(require_not_barred(site, exchange.arguments[0]));
  TRY(const AssetRow asset, find_asset(site, exchange.arguments[0]));
  json::object object;
  if (!exchange.body.empty()) {
    TRY(json::value document, parse_json(exchange.body));
    if (!document.is_object()) return fail(ErrorCode::bad_request, "The body is a JSON object.");
    object = std::move(document.as_object());
  }
  UploadFacts facts{.uploader = exchange.principal.name};
  TRY_VOID(take_facts(facts, object));
  if (exchange.principal.keys_in_force) {
    TRY(const bool proven, proves_possession(site, asset, object));
    if (!proven) return challenge(site, asset);
  }
  TRY(const auto recorded, site.services.ingest.record_known(asset.digest, facts));
  if (!recorded) return fail(ErrorCode::asset_not_found, "The asset was deleted.");
  return recorded_response(site, *recorded);
}

}  // namespace

Result<UploadStart> begin_upload(const Site& site, const Exchange& exchange) {
  const RequestHead& head = exchange.head;
  TRY(const auto boundary, multipart_boundary(head.first(FieldName::content_type)));
  const std::uint64_t bytes_max = site.services.ingest.settings().bytes_max;
  const std::uint64_t beside_max = boundary ? form_bytes_max : 0;
  if (head.content_length.value_or(0) > bytes_max + beside_max)
    return fail(ErrorCode::too_large, std::format("An upload is at most {} bytes.", bytes_max));
  const bool names_url = is_json(head.first(FieldName::content_type));
  TRY(UploadFacts facts, facts_of(exchange));
  if (!boundary && !names_url && asks_for_resumption(head))
    return begin_partial_upload(site, exchange, std::move(facts));
  if (!head.has_body()) return fail(ErrorCode::missing_upload, "The request has no body.");
  TRY(const ClaimedDigests claimed, parse_digest_fields(head.joined(FieldName::repr_digest),
                                                        head.joined(FieldName::content_digest)));
  if (boundary && (claimed.sha256 || claimed.sha512))
    return fail(ErrorCode::bad_digest_header,
                "A form's digest is not its file's: send the file itself as the body.");
  Intake intake = site.services.ingest.begin(claimed);
  if (names_url) return std::make_unique<UrlSink>(site, std::move(intake), std::move(facts));
  if (boundary)
    return std::make_unique<FormSink>(site, std::move(intake), std::move(facts), *boundary);
  return std::make_unique<RawSink>(site, std::move(intake), std::move(facts));
}

Answer record_known(const Site& site, const Exchange& exchange) {
  if (!parse_content_argument(exchange.arguments[0]))
    return refuse(Error{ErrorCode::asset_not_found,
                        "Content is named by its hash here: sha256:<64 hexadecimal digits>.",
                        {},
                        std::source_location::current()});
  auto result = record(site, exchange);
  if (!result) return refuse(result.error());
  return *std::move(result);
}

}  // namespace calotype
