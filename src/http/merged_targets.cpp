// SPDX-License-Identifier: Apache-2.0
#include "http/merged_targets.hpp"

#include <algorithm>

#include "catalog/near_duplicate_catalog.hpp"
#include "http/signature.hpp"

namespace calotype {
namespace {

/// What is asked for, and a watermark or two.
constexpr int ids_max = 4;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The end of the run of letters and digits at the beginning of the text.
std::size_t run_length(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_alphanumeric) - text.begin());
}

}  // namespace

std::optional<Response> follow_merges(const Site& site, std::string_view target, bool is_picture) {
  NearDuplicateCatalog& catalog = site.services.catalog.near_duplicates();
  std::string moved;
  int ids = 0;
  bool has_moved = false;
  for (std::string_view rest = target; !rest.empty();) {
    const std::size_t length = std::max<std::size_t>(1, run_length(rest));
    const std::string_view word = rest.substr(0, length);
    rest.remove_prefix(length);
    std::optional<AssetId> into;
    if (const auto id = AssetId::parse(word); id && ids++ < ids_max)
      if (auto found = catalog.merged_into(*id)) into = *std::move(found);
    moved += into ? std::string_view(into->text()) : word;
    has_moved = has_moved || into;
  }
  if (!has_moved) return std::nullopt;
  Response response{.status = 308, .fields = {}, .body = {}};
  response.add("Location", is_picture ? signed_again(site.settings, moved) : moved);
  // Not for ever: whoever brings the same bytes in again gets the asset back.
  response.add("Cache-Control", "public, max-age=86400");
  return response;
}

}  // namespace calotype
