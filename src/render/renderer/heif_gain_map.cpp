// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/heif_gain_map.hpp"

#include <libheif/heif_items.h>

#include <array>
#include <cstring>
#include <vector>

#include "render/renderer/heif_boxes.hpp"
#include "render/renderer/heif_bridge.hpp"

namespace calotype {
namespace {

constexpr std::uint32_t tmap_type = heif_fourcc('t', 'm', 'a', 'p');
constexpr std::uint32_t derived_from = heif_fourcc('d', 'i', 'm', 'g');
constexpr int items_max = 4'096;
constexpr int references_max = 64;
constexpr std::size_t numbers_bytes_max = 1'024;

using NclxProfile =
    std::unique_ptr<heif_color_profile_nclx, HeifRelease<heif_nclx_color_profile_free>>;
using EncodingOptions =
    std::unique_ptr<heif_encoding_options, HeifRelease<heif_encoding_options_free>>;

/// What the item is derived from, in its order.
std::vector<heif_item_id> sources_of(const heif_context* context, heif_item_id item) {
  for (int i = 0; i < references_max; ++i) {
    std::uint32_t type = 0;
    heif_item_id* to = nullptr;
    const std::size_t count = heif_context_get_item_references(context, item, i, &type, &to);
    if (count == 0) break;
    std::vector<heif_item_id> sources(to, to + count);
    heif_release_item_references(context, &to);
    if (type == derived_from) return sources;
  }
  return {};
}

std::string content_of(const heif_context* context, heif_item_id item) {
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
  const heif_error error = heif_item_get_item_data(context, item, nullptr, &data, &size);
  std::string content;
  if (error.code == heif_error_Ok && data != nullptr && size <= numbers_bytes_max)
    content.assign(reinterpret_cast<const char*>(data), size);
  if (data != nullptr) heif_release_item_data(context, &data);
  return content;
}

/// The primary one, where that is the first too: what stands for the file, however it is asked.
std::optional<heif_item_id> picture_of(heif_context* context) {
  heif_item_id primary = 0;
  heif_item_id first = 0;
  if (heif_context_get_primary_image_ID(context, &primary).code != heif_error_Ok ||
      heif_context_get_list_of_top_level_image_IDs(context, &first, 1) != 1 || first != primary)
    return std::nullopt;
  return primary;
}

Outcome<HeifImage> image_of(const MapSamples& map) {
  const int width = static_cast<int>(map.picture.width());
  const int height = static_cast<int>(map.picture.height());
  const auto channel = map.is_gray ? heif_channel_Y : heif_channel_interleaved;
  const int channels = map.is_gray ? 1 : 3;
  heif_image* made = nullptr;
  TRY_HEIF(heif_image_create(
      width, height, map.is_gray ? heif_colorspace_monochrome : heif_colorspace_RGB,
      map.is_gray ? heif_chroma_monochrome : heif_chroma_interleaved_RGB, &made));
  HeifImage image(made);
  TRY_HEIF(heif_image_add_plane(made, channel, width, height, 8));
  std::size_t stride = 0;
  std::uint8_t* pixels = heif_image_get_plane2(made, channel, &stride);
  for (std::uint32_t y = 0; y < map.picture.height(); ++y) {
    const std::uint8_t* from = map.picture.row(y);
    std::uint8_t* to = pixels + stride * y;
    for (std::uint32_t x = 0; x < map.picture.width(); ++x, from += 4, to += channels)
      std::memcpy(to, from, static_cast<std::size_t>(channels));
  }
  return image;
}

}  // namespace

std::optional<GainMap> find_gain_map_in_heif(Bytes heif) {
  if (!has_brand(heif, "tmap")) return std::nullopt;
  const auto context = open_heif(heif);
  if (!context) return std::nullopt;
  const heif_context* file = context->get();
  const auto shown = picture_of(context->get());
  if (!shown) return std::nullopt;
  std::vector<heif_item_id> items(items_max);
  const int count = heif_context_get_list_of_item_IDs(file, items.data(), items_max);
  for (int i = 0; i < count && i < items_max; ++i) {
    if (heif_item_get_item_type(file, items[i]) != tmap_type) continue;
    const auto sources = sources_of(file, items[i]);
    if (sources.size() != 2 || sources[0] != *shown) continue;
    const std::string content = content_of(file, items[i]);
    if (content.empty() || content[0] != 0) continue;  // another version
    const auto numbers = gain_map_numbers_of_iso(std::string_view(content).substr(1));
    if (!numbers || !numbers->brightens()) continue;
    return GainMap{.file = heif,
                   .item = sources[1],
                   .numbers = *numbers,
                   .xmp = xmp_of(*numbers),
                   .iso = iso_of(*numbers),
                   .base_xmp = {},
                   .base_iso = std::string(4, '\0')};  // its versions
  }
  return std::nullopt;
}

Outcome<MapSamples> decode_gain_map_item(const GainMap& map, std::uint64_t pixels_max) {
  TRY(const HeifContext context, open_heif(map.file));
  heif_image_handle* got = nullptr;
  TRY_HEIF(heif_context_get_image_handle(context.get(), map.item.value_or(0), &got));
  const HeifHandle handle(got);
  const int width = heif_image_handle_get_width(got);
  const int height = heif_image_handle_get_height(got);
  if (width <= 0 || height <= 0 ||
      std::uint64_t{static_cast<std::uint32_t>(width)} * static_cast<std::uint32_t>(height) >
          pixels_max)
    return failed(wire::Status::damaged, "a gain map larger than its picture");
  heif_colorspace colors = heif_colorspace_undefined;
  heif_chroma chroma = heif_chroma_undefined;
  TRY_HEIF(heif_image_handle_get_preferred_decoding_colorspace(got, &colors, &chroma));
  const HeifDecodingOptions options(heif_decoding_options_alloc());
  options->convert_hdr_to_8bit = 1;
  heif_image* decoded = nullptr;
  TRY_HEIF(heif_decode_image(got, &decoded, heif_colorspace_RGB, heif_chroma_interleaved_RGBA,
                             options.get()));
  const HeifImage image(decoded);
  TRY(Bitmap picture, bitmap_of(decoded));
  picture.set_has_alpha(false);
  return MapSamples{std::move(picture), colors == heif_colorspace_monochrome};
}

Outcome<std::string> encode_gain_map_avif(const MapSamples& map, int quality, Effort effort) {
  const HeifContext context(heif_context_alloc());
  TRY(const HeifEncoder encoder,
      make_av1_encoder(context.get(), quality, map.is_gray ? "420" : "444", effort));
  TRY(const HeifImage image, image_of(map));
  // Samples, not colours: nothing is said of their primaries.
  const NclxProfile profile(heif_nclx_color_profile_alloc());
  profile->color_primaries = heif_color_primaries_unspecified;
  profile->transfer_characteristics = heif_transfer_characteristic_unspecified;
  profile->matrix_coefficients = heif_matrix_coefficients_ITU_R_BT_601_6;
  profile->full_range_flag = 1;
  const EncodingOptions options(heif_encoding_options_alloc());
  options->output_nclx_profile = profile.get();
  options->macOS_compatibility_workaround_no_nclx_profile = 0;
  TRY_HEIF(
      heif_context_encode_image(context.get(), image.get(), encoder.get(), options.get(), nullptr));
  return written(context.get());
}

}  // namespace calotype
