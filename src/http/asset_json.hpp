// SPDX-License-Identifier: Apache-2.0
// The API's JSON forms of what the catalog holds, and how a route finds the asset it is about.
#pragma once

#include <cstdint>

#include "base/json.hpp"
#include "catalog/integrity_catalog.hpp"
#include "catalog/rows.hpp"
#include "http/site.hpp"

namespace calotype {

/// `{id}` of a path: an asset's id, or "sha256:" and 64 hex digits. asset_not_found for both what
/// is malformed and what is not here.
Result<AssetRow> find_asset(const Site& site, std::string_view argument, bool deleted_too = false);
/// asset_barred where a takedown keeps the content out that the argument names by its hash.
Result<void> require_not_barred(const Site& site, std::string_view argument);
Result<AssetId> parse_asset_argument(std::string_view argument);
/// Whether it begins with "sha256:", the colon plain or percent-encoded.
bool names_content(std::string_view argument);
/// "sha256:{hex}" only.
std::optional<Digest> parse_content_argument(std::string_view argument);

/// asset_not_found where its original is quarantined: asked by its hash, it is not here.
Result<void> require_sound(const Site& site, const AssetRow& asset);

/// Without what is read from the picture's own metadata, which is most of the text.
enum class Detail : std::uint8_t { all, without_metadata };
/// Asks the catalog for the asset's variants, of which its URLs name the best. Uploads: all it has,
/// the oldest first.
Result<json::object> asset_json(const Site& site, const AssetRow& asset,
                                const std::vector<UploadRow>& uploads, Detail detail = Detail::all);
/// Asks for its uploads too.
Result<json::object> asset_json(const Site& site, const AssetRow& asset);
json::object event_json(const EventRow& event);
json::object quarantine_json(const QuarantineRow& row);
json::object variant_json(const Site& site, const VariantRow& variant);
json::object job_json(const Job& job);
json::object key_json(const ApiKeyRow& key);

/// {"id","status","url",…}: what an upload is answered with.
json::object recorded_json(const Site& site, const Recorded& recorded);
/// The same as an answer, 201 or 200, with the asset's Location.
Response recorded_response(const Site& site, const Recorded& recorded);

json::value text_or_null(std::string_view text);

/// Limit and cursor of a listing.
struct PageRequest {
  std::string cursor;
  std::size_t limit = 100;
};
class Query;
Result<PageRequest> page_request(const Query& query);

}  // namespace calotype
