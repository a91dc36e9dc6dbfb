// SPDX-License-Identifier: Apache-2.0
#include "http/purge_list.hpp"

#include <algorithm>
#include <format>

#include "base/encoding.hpp"
#include "http/asset_json.hpp"
#include "http/dialects/variant_path.hpp"

namespace calotype {
namespace {

/// A recipe that an older version wrote and this one cannot read has no URL any more.
std::optional<Recipe> recipe_of(const VariantKey& key) {
  auto recipe = parse_recipe(key.recipe);
  if (!recipe || !recipe->format) return std::nullopt;
  return canonical(*recipe);
}

/// Whether the preset, in whatever format a URL's ending says, may have become this picture: the
/// focal point that it was cut by went with the asset.
bool may_be(const Recipe& preset, const Recipe& stored) {
  Recipe recipe = with_format(preset, stored.format);
  if (follows_focal_point(recipe)) {
    recipe.gravity = stored.gravity;
    recipe.focus = stored.focus;
  }
  return canonical(recipe) == stored;
}

/// The middle of a text's base64 that does not depend on what stands before or behind it, for each
/// of the three places at which it can begin.
std::vector<std::string> base64_cores(std::string_view text) {
  std::vector<std::string> cores;
  for (std::size_t before = 0; before < 3; ++before) {
    const std::string padded = std::string(before, '-') + std::string(text);
    const std::size_t whole_bits = padded.size() * 8 / 6;
    const std::size_t first = (before * 8 + 5) / 6;
    cores.push_back(to_base64url(as_bytes(padded)).substr(first, whole_bits - first));
  }
  return cores;
}

}  // namespace

json::array taken_variants_json(const Site& site, const TakenAsset& asset) {
  json::array list;
  for (const VariantKey& key : asset.variants) {
    const auto recipe = recipe_of(key);
    json::value url = nullptr;
    if (recipe) url = site.public_url(variant_path(asset.id.text(), "", *recipe, key.version));
    list.push_back(
        json::object{{"recipe", key.recipe}, {"version", key.version}, {"url", std::move(url)}});
  }
  return list;
}

std::vector<std::string> urls_to_purge(const Site& site, const TakenAsset& asset) {
  std::vector<std::string> urls;
  const auto add = [&](std::string_view name, const Recipe& recipe, const std::string& version) {
    std::string url = site.public_url(variant_path(asset.id.text(), name, recipe, version));
    if (!std::ranges::contains(urls, url)) urls.push_back(std::move(url));
  };
  for (const VariantKey& key : asset.variants) {
    const auto recipe = recipe_of(key);
    if (!recipe) continue;
    add("", *recipe, key.version);
    for (const auto& [name, preset] : site.services.presets.all())
      if (may_be(preset, *recipe)) add(name, *recipe, key.version);
  }
  return urls;
}

std::vector<std::string> patterns_to_purge(const TakenAsset& asset) {
  const std::string hex = asset.digest.hex();
  std::vector<std::string> patterns;
  for (const std::string& name :
       {asset.id.text(), "sha256:" + hex, "sha256%3A" + hex, "sha256%3a" + hex}) {
    for (const std::string_view path : {"/v/", "/i/", "/asset/", "/iiif/3/"})
      patterns.push_back(std::format("{}{}*", path, name));
    for (const std::string_view path : {"/cloudinary/", "/imgproxy/"})
      patterns.push_back(std::format("{}*{}*", path, name));
  }
  for (const std::string& name : {asset.id.text(), "sha256:" + hex})
    for (const std::string& core : base64_cores(name))
      patterns.push_back(std::format("/imgproxy/*{}*", core));
  return patterns;
}

}  // namespace calotype
