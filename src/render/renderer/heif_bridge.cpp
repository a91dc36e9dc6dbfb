// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/heif_bridge.hpp"

#include <cstring>

namespace calotype {
namespace {

heif_error append(heif_context*, const void* data, size_t size, void* to) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
  return heif_error_success;
}

}  // namespace

Failure failure_of(const heif_error& error) {
  const bool memory = error.code == heif_error_Memory_allocation_error;
  return {memory ? wire::Status::process_memory_max : wire::Status::damaged,
          error.message == nullptr ? "libheif failed" : error.message};
}

Outcome<HeifContext> open_heif(Bytes heif) {
  HeifContext context(heif_context_alloc());
  TRY_HEIF(
      heif_context_read_from_memory_without_copy(context.get(), heif.data(), heif.size(), nullptr));
  return context;
}

Outcome<HeifEncoder> make_av1_encoder(heif_context* context, int quality, const char* chroma,
                                      Effort effort) {
  heif_encoder* made = nullptr;
  TRY_HEIF(heif_context_get_encoder_for_format(context, heif_compression_AV1, &made));
  HeifEncoder encoder(made);
  TRY_HEIF(heif_encoder_set_lossy_quality(made, quality));
  (void)heif_encoder_set_parameter_integer(made, "speed", effort == Effort::high ? 5 : 8);
  (void)heif_encoder_set_parameter_integer(made, "threads", 1);
  (void)heif_encoder_set_parameter_string(made, "chroma", chroma);
  return encoder;
}

Outcome<Bitmap> bitmap_of(const heif_image* image) {
  std::size_t stride = 0;
  const std::uint8_t* pixels =
      heif_image_get_plane_readonly2(image, heif_channel_interleaved, &stride);
  const int width = heif_image_get_width(image, heif_channel_interleaved);
  const int height = heif_image_get_height(image, heif_channel_interleaved);
  if (pixels == nullptr || width <= 0 || height <= 0)
    return failed(wire::Status::damaged, "an image without pixels");
  Bitmap picture(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), true);
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    std::memcpy(picture.row(y), pixels + stride * y, picture.row_bytes());
  return picture;
}

Outcome<std::string> written(heif_context* context) {
  std::string out;
  heif_writer writer{.writer_api_version = 1, .write = append};
  TRY_HEIF(heif_context_write(context, &writer, &out));
  return out;
}

}  // namespace calotype
