// SPDX-License-Identifier: Apache-2.0
// Between our pictures and libheif's, for the few files that include it.
#pragma once

#include <libheif/heif.h>

#include <memory>
#include <string>

#include "asset/recipe.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

template <auto release>
struct HeifRelease {
  void operator()(auto* thing) const { release(thing); }
};
using HeifContext = std::unique_ptr<heif_context, HeifRelease<heif_context_free>>;
using HeifImage = std::unique_ptr<heif_image, HeifRelease<heif_image_release>>;
using HeifHandle = std::unique_ptr<heif_image_handle, HeifRelease<heif_image_handle_release>>;
using HeifEncoder = std::unique_ptr<heif_encoder, HeifRelease<heif_encoder_release>>;
using HeifDecodingOptions =
    std::unique_ptr<heif_decoding_options, HeifRelease<heif_decoding_options_free>>;

Failure failure_of(const heif_error& error);

#define TRY_HEIF(expression)                                                  \
  if (const heif_error problem = (expression); problem.code != heif_error_Ok) \
  return std::unexpected(failure_of(problem))

/// Its boxes are read. `heif` outlives it.
Outcome<HeifContext> open_heif(Bytes heif);
/// An AV1 encoder. `chroma` is "420" or "444".
Outcome<HeifEncoder> make_av1_encoder(heif_context* context, int quality, const char* chroma,
                                      Effort effort);
/// Of an image of interleaved red, green, blue and alpha.
Outcome<Bitmap> bitmap_of(const heif_image* image);
Outcome<std::string> written(heif_context* context);

}  // namespace calotype
