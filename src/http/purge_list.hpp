// SPDX-License-Identifier: Apache-2.0
// What caches between this server and its readers may still hold of an asset that was taken down.
// Exact are the URLs of stored variants, by their own parameters and by every preset that they are.
// A dialect spells one picture in more ways than can be listed, so those are patterns, in which `*`
// stands for anything. And every picture's answer says `Cache-Tag: {asset id}`: a cache that purges
// by tags needs no URL at all.
#pragma once

#include "base/json.hpp"
#include "catalog/library_catalog.hpp"
#include "http/site.hpp"

namespace calotype {

/// [{"recipe", "version", "url"}, …]
json::array taken_variants_json(const Site& site, const TakenAsset& asset);
/// Each once, signed where URLs have to be.
std::vector<std::string> urls_to_purge(const Site& site, const TakenAsset& asset);
std::vector<std::string> patterns_to_purge(const TakenAsset& asset);

}  // namespace calotype
