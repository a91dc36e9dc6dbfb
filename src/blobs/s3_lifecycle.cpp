// SPDX-License-Identifier: Apache-2.0
// S3 keeps one document for all rules of a bucket, and putting it replaces it. Others may have
// rules in the same bucket (so may a Calotype under another prefix): theirs are put back as they
// were. Ours are known by their ids.
#include "blobs/s3_lifecycle.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace calotype {
namespace {

XmlElement leaf(std::string name, std::string text) {
  return {.name = std::move(name), .text = std::move(text)};
}

/// "calotype:team-a/:".
std::string id_begin(const std::string& prefix) {
  return "calotype:" + prefix + ":";
}

XmlElement rule(const std::string& prefix, const std::string& name, const std::string& below,
                XmlElement action) {
  return {.name = "Rule",
          .children = {leaf("ID", id_begin(prefix) + name),
                       {.name = "Filter", .children = {leaf("Prefix", prefix + below)}},
                       leaf("Status", "Enabled"),
                       std::move(action)}};
}

std::vector<XmlElement> our_rules(const std::string& prefix,
                                  const StorageUpkeep::Lifecycle& lifecycle) {
  return {
      rule(prefix, "variants-infrequent", "variants/",
           {.name = "Transition",
            .children = {leaf("Days", std::to_string(lifecycle.infrequent_after_days)),
                         leaf("StorageClass", lifecycle.infrequent_class)}}),
      rule(prefix, "parts-aborted", "",
           {.name = "AbortIncompleteMultipartUpload",
            .children = {leaf("DaysAfterInitiation", std::to_string(lifecycle.abort_after_days))}}),
      rule(prefix, "probes-removed", "probe/",
           {.name = "Expiration", .children = {leaf("Days", "1")}})};
}

bool is_ours(const XmlElement& element, const std::string& prefix) {
  return element.name == "Rule" && element.text_of("ID").starts_with(id_begin(prefix));
}

/// What stands there now; nothing where no rule does.
Result<std::optional<XmlElement>> get_lifecycle(S3Client& client) {
  const S3Request request{.operation = S3Operation::lifecycle, .query = "lifecycle="};
  TRY(const S3Answer answer, client.send(request));
  const auto error = parse_s3_error(answer.body);
  if (answer.status == 404 && error && error->code == "NoSuchLifecycleConfiguration")
    return std::nullopt;
  if (!answer.ok()) {
    if (const auto fault = client.config_fault(answer)) return fail(ErrorCode::bad_config, *fault);
    return std::unexpected(client.error_of(request, answer));
  }
  auto there = parse_xml(answer.body);
  if (!there || there->name != "LifecycleConfiguration")
    return fail(ErrorCode::storage_failed, "The bucket's lifecycle cannot be read.");
  return there;
}

}  // namespace

XmlElement merge_lifecycle(const std::optional<XmlElement>& there, const std::string& prefix,
                           const StorageUpkeep::Lifecycle& lifecycle) {
  XmlElement merged{.name = "LifecycleConfiguration"};
  if (there)
    for (const XmlElement& element : there->children)
      if (element.name == "Rule" && !is_ours(element, prefix)) merged.children.push_back(element);
  for (XmlElement& own : our_rules(prefix, lifecycle)) merged.children.push_back(std::move(own));
  return merged;
}

Result<std::vector<std::string>> put_lifecycle(S3Client& client,
                                               const StorageUpkeep::Lifecycle& lifecycle) {
  const std::string& prefix = client.settings().place.prefix;
  TRY(const auto there, get_lifecycle(client));
  const XmlElement merged = merge_lifecycle(there, prefix, lifecycle);
  const std::string body = to_xml(merged);
  const Digest digest = Sha256::of(as_bytes(body));
  const S3Request request{.operation = S3Operation::lifecycle,
                          .method = "PUT",
                          .query = "lifecycle=",
                          .headers = {"x-amz-checksum-sha256: " + to_base64(digest.bytes),
                                      "x-amz-sdk-checksum-algorithm: SHA256"},
                          .body = S3Body::of(as_bytes(body)),
                          .payload_sha256 = digest.hex()};
  TRY(const S3Answer answer, client.send(request));
  if (!answer.ok()) {
    if (const auto fault = client.config_fault(answer)) return fail(ErrorCode::bad_config, *fault);
    Error error = client.error_of(request, answer);
    error.message = "The bucket does not take the lifecycle.";
    return std::unexpected(std::move(error));
  }
  TRY(const auto now, get_lifecycle(client));
  std::vector<std::string> ids;
  if (now)
    for (const XmlElement& element : now->children)
      if (is_ours(element, prefix)) ids.emplace_back(element.text_of("ID"));
  if (ids.size() < our_rules(prefix, lifecycle).size())
    return fail(ErrorCode::storage_failed, "S3 took the lifecycle, but does not have all of it.");
  return ids;
}

}  // namespace calotype
