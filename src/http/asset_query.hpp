// SPDX-License-Identifier: Apache-2.0
// Filters and order of a listing, as clients write them: parameters of a query, or members of a
// JSON object. The names are the same.
#pragma once

#include "base/json.hpp"
#include "catalog/library_catalog.hpp"
#include "http/query.hpp"

namespace calotype {

/// The names that may stand in a query beside others of its own.
std::vector<std::string_view> asset_query_names();

/// bad_request, naming what is wrong. An empty value asks for nothing.
Result<AssetQuery> parse_asset_query(const Query& query);
/// The same of {"tag": "sea", "bytes_min": 1000, …}. bad_request where it has another member, or
/// asks for nothing: what is done to all of a library has to be said otherwise.
Result<AssetQuery> parse_asset_filter(const json::object& filter);

/// "PENDING" stands for both states in which inspection is to come. Nothing where it is none.
std::optional<std::vector<AssetState>> parse_states(std::string_view text);

}  // namespace calotype
