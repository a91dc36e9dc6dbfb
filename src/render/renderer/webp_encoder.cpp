// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/webp_encoder.hpp"

#include <webp/encode.h>

#include <format>

namespace calotype {
namespace {

struct Encoding {
  WebPPicture picture{};
  WebPMemoryWriter writer{};
  Encoding() { WebPMemoryWriterInit(&writer); }
  ~Encoding() {
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&writer);
  }
  Encoding(const Encoding&) = delete;
  Encoding& operator=(const Encoding&) = delete;
};

}  // namespace

Outcome<std::string> encode_webp(const Bitmap& picture, int quality, Effort effort) {
  WebPConfig config;
  Encoding encoding;
  if (WebPConfigInit(&config) == 0 || WebPPictureInit(&encoding.picture) == 0)
    return failed(wire::Status::refused, "libwebp is of another version");
  config.quality = static_cast<float>(quality);
  config.method = effort == Effort::high ? 6 : 2;
  encoding.picture.width = static_cast<int>(picture.width());
  encoding.picture.height = static_cast<int>(picture.height());
  encoding.picture.writer = WebPMemoryWrite;
  encoding.picture.custom_ptr = &encoding.writer;
  if (picture.width() > WEBP_MAX_DIMENSION || picture.height() > WEBP_MAX_DIMENSION)
    return failed(wire::Status::output_side_max,
                  std::format("WebP ends at {} pixels a side", WEBP_MAX_DIMENSION));
  const auto import = picture.has_alpha() ? WebPPictureImportRGBA : WebPPictureImportRGBX;
  if (import(&encoding.picture, picture.row(0), static_cast<int>(picture.row_bytes())) == 0)
    return failed(wire::Status::process_memory_max, "no memory for a WebP");
  if (WebPEncode(&config, &encoding.picture) == 0) {
    const bool memory = encoding.picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY ||
                        encoding.picture.error_code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY;
    return failed(
        memory ? wire::Status::process_memory_max : wire::Status::refused,
        std::format("WebP encoding failed ({})", static_cast<int>(encoding.picture.error_code)));
  }
  return std::string(reinterpret_cast<const char*>(encoding.writer.mem), encoding.writer.size);
}

}  // namespace calotype
