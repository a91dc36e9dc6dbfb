// SPDX-License-Identifier: Apache-2.0
#include "pipeline/known_variants.hpp"

namespace calotype {
namespace {

/// Canonical, in every format that the request may turn out to mean.
std::vector<Recipe> recipes_meant(const Recipe& recipe) {
  if (recipe.format) return {canonical(recipe)};
  std::vector<Recipe> recipes;
  for (const ImageFormat format : image_formats) {
    recipes.push_back(recipe);
    recipes.back().format = format;
    recipes.back() = canonical(recipes.back());
  }
  return recipes;
}

VariantRow row_of(const AssetId& id, const Resolution& found) {
  return {.key = {id, found.recipe, found.version},
          .blob_key = found.blob_key,
          .digest = found.digest,
          .bytes = found.bytes,
          .width = found.width,
          .height = found.height,
          .media_type = found.media_type,
          .created_at = found.created_at,
          .last_access_at = found.known_at,
          .accesses = 0};
}

MediaInfo media_of(const Resolution& found) {
  MediaInfo media;
  media.media_type = found.original_media_type;
  media.renderable = true;
  media.pages = found.original_pages;
  media.has_alpha = found.original_has_alpha;
  return media;
}

}  // namespace

ImageFormat format_for(const MediaInfo& original, const Wanted& wanted) {
  if (wanted.recipe.format) return *wanted.recipe.format;
  const Carried carried = carried_by(original, wanted.recipe);
  if (wanted.negotiate) return negotiate_format(wanted.accept, carried);
  return carried.original.value_or(carried.has_alpha ? ImageFormat::png : ImageFormat::jpeg);
}

KnownVariants::KnownVariants(ResolutionCache& cache, Deletions& deletions, const Clock& clock,
                             Metrics& metrics, VersionOf version_of)
    : cache_(cache),
      deletions_(deletions),
      clock_(clock),
      version_of_(std::move(version_of)),
      outdated_(metrics.counter("cache_entries_outdated_total",
                                "Entries of the shared cache that were not relied upon.")) {}

/// "{version} {recipe}" of one version, "{quick version}+ {recipe}" of the best there is.
std::string KnownVariants::entry_name(const Recipe& asked, std::optional<Effort> only) const {
  return version_of_(asked, only.value_or(Effort::quick)) + (only ? " " : "+ ") + to_string(asked);
}

std::optional<KnownVariants::Known> KnownVariants::find(const AssetId& id, const Wanted& wanted) {
  if (follows_focal_point(wanted.recipe)) return std::nullopt;
  const std::vector<Recipe> recipes = recipes_meant(wanted.recipe);
  std::vector<std::string> names;
  names.reserve(recipes.size());
  for (const Recipe& recipe : recipes) names.push_back(entry_name(recipe, wanted.only));
  const auto found = cache_.find(id.text(), names);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) continue;
    const MediaInfo media = media_of(*found[i]);
    if (format_for(media, wanted) != *recipes[i].format) continue;
    const auto recipe = parse_recipe(found[i]->recipe);
    if (!recipe || !recipe->format || !deletions_.still_holds(id, found[i]->known_at)) {
      outdated_.add();
      return std::nullopt;
    }
    return Known{row_of(id, *found[i]), canonical(*recipe), media};
  }
  return std::nullopt;
}

void KnownVariants::remember(const Recipe& asked, std::optional<Effort> only, const VariantRow& row,
                             const MediaInfo& original, Timestamp known_at) {
  if (follows_focal_point(asked)) return;
  cache_.put(row.key.asset_id.text(), entry_name(asked, only),
             {.recipe = row.key.recipe,
              .version = row.key.version,
              .blob_key = row.blob_key,
              .digest = row.digest,
              .bytes = row.bytes,
              .width = row.width,
              .height = row.height,
              .media_type = row.media_type,
              .created_at = row.created_at,
              .original_media_type = original.media_type,
              .original_pages = original.pages,
              .original_has_alpha = original.has_alpha,
              .known_at = known_at});
}

}  // namespace calotype
