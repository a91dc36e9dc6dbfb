// SPDX-License-Identifier: Apache-2.0
// Durations are counted in thousandths of a second, so that delays in milliseconds stay exact.
#include "render/renderer/heif_sequence.hpp"

#include <libheif/heif_sequences.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "render/renderer/heif_bridge.hpp"
#include "render/renderer/sequence_boxes.hpp"

namespace calotype {
namespace {

constexpr std::uint32_t ticks_per_second = 1'000;
constexpr std::uint32_t frames_counted_max = 100'000;

using Track = std::unique_ptr<heif_track, HeifRelease<heif_track_release>>;
using Options = std::unique_ptr<heif_sequence_encoding_options,
                                HeifRelease<heif_sequence_encoding_options_release>>;
using TrackOptions = std::unique_ptr<heif_track_options, HeifRelease<heif_track_options_release>>;

struct Opened {
  HeifContext context;
  Track track;
};

Outcome<Opened> open_sequence(Bytes heif) {
  Opened opened;
  TRY(opened.context, open_heif(heif));
  if (heif_context_has_sequence(opened.context.get()) == 0)
    return failed(wire::Status::unsupported, "no sequence");
  opened.track.reset(heif_context_get_track(opened.context.get(), 0));  // the first that is seen
  if (!opened.track) return failed(wire::Status::unsupported, "no track of pictures");
  return opened;
}

/// By its brands: few that are still are opened in vain.
bool promises_sequence(Bytes heif) {
  const std::string_view text(reinterpret_cast<const char*>(heif.data()),
                              std::min<std::size_t>(heif.size(), 256));
  for (const std::string_view brand : {"avis", "msf1", "hevc", "hevx"})
    if (text.contains(brand)) return true;
  return false;
}

Outcome<HeifImage> image_of(const Bitmap& strip, std::uint32_t top, std::uint32_t height,
                            const HeifEncoding& encoding) {
  heif_image* made = nullptr;
  const int channels = strip.has_alpha() ? 4 : 3;
  TRY_HEIF(heif_image_create(
      static_cast<int>(strip.width()), static_cast<int>(height), heif_colorspace_RGB,
      strip.has_alpha() ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, &made));
  HeifImage image(made);
  TRY_HEIF(heif_image_add_plane(made, heif_channel_interleaved, static_cast<int>(strip.width()),
                                static_cast<int>(height), 8));
  std::size_t stride = 0;
  std::uint8_t* pixels = heif_image_get_plane2(made, heif_channel_interleaved, &stride);
  for (std::uint32_t y = 0; y < height; ++y) {
    const std::uint8_t* from = strip.row(top + y);
    std::uint8_t* to = pixels + stride * y;
    if (channels == 4) {
      std::memcpy(to, from, strip.row_bytes());
      continue;
    }
    for (std::uint32_t x = 0; x < strip.width(); ++x, from += 4, to += 3) std::memcpy(to, from, 3);
  }
  if (!encoding.icc_profile.empty())
    TRY_HEIF(heif_image_set_raw_color_profile(made, "prof", encoding.icc_profile.data(),
                                              encoding.icc_profile.size()));
  return image;
}

Outcome<HeifEncoder> make_encoder(heif_context* context, const HeifEncoding& encoding) {
  const char* chroma = encoding.lossless ? "444" : "420";
  TRY(HeifEncoder encoder, make_av1_encoder(context, encoding.quality, chroma, Effort::quick));
  TRY_HEIF(heif_encoder_set_lossless(encoder.get(), encoding.lossless ? 1 : 0));
  return encoder;
}

}  // namespace

std::uint32_t frames_of_sequence(Bytes heif) {
  if (!promises_sequence(heif)) return 1;
  const auto frames = delays_of_sequence(heif, frames_counted_max).size();
  return frames > 1 && open_sequence(heif) ? static_cast<std::uint32_t>(frames) : 1;
}

Outcome<Timing> timing_of_sequence(Bytes heif) {
  TRY(const Opened opened, open_sequence(heif));
  Timing timing;
  const std::uint32_t repetitions = heif_track_get_number_of_repetitions(opened.track.get());
  timing.loops = repetitions == heif_sequence_track_number_of_repetitions_infinite
                     ? 0
                     : static_cast<int>(std::clamp(repetitions, 1U, 65'535U));
  timing.delays_ms = delays_of_sequence(heif, frames_counted_max);
  return timing;
}

Outcome<void> each_frame_of_sequence(Bytes heif, std::uint32_t frames,
                                     const std::function<Outcome<void>(Bitmap)>& take_frame) {
  TRY(const Opened opened, open_sequence(heif));
  const HeifDecodingOptions options(heif_decoding_options_alloc());
  options->ignore_sequence_editlist = 1;  // once through, however often it repeats
  const bool has_alpha = heif_track_has_alpha_channel(opened.track.get()) != 0;
  for (std::uint32_t i = 0; i < frames; ++i) {
    heif_image* decoded = nullptr;
    TRY_HEIF(heif_track_decode_next_image(opened.track.get(), &decoded, heif_colorspace_RGB,
                                          heif_chroma_interleaved_RGBA, options.get()));
    const HeifImage image(decoded);
    TRY(Bitmap picture, bitmap_of(decoded));
    picture.set_has_alpha(has_alpha);
    TRY_VOID(take_frame(std::move(picture)));
  }
  return {};
}

Outcome<DecodedPicture> decode_frame_of_sequence(Bytes heif, std::uint32_t frame,
                                                 std::uint64_t pixels_max) {
  TRY(const Opened opened, open_sequence(heif));
  std::uint16_t width = 0;
  std::uint16_t height = 0;
  TRY_HEIF(heif_track_get_image_resolution(opened.track.get(), &width, &height));
  TRY_VOID(check_size(width, height, pixels_max));
  DecodedPicture picture;
  picture.pages = frames_of_sequence(heif);
  std::uint32_t count = 0;
  TRY_VOID(each_frame_of_sequence(heif, frame + 1, [&](Bitmap shown) -> Outcome<void> {
    if (count++ != frame) return {};
    picture.width = shown.width();
    picture.height = shown.height();
    picture.channels = 4;
    picture.pixels.assign(shown.row(0), shown.row(0) + shown.bytes());
    return {};
  }));
  if (!shows_through(picture)) drop_alpha(picture);
  return picture;
}

Outcome<std::string> encode_sequence(const Bitmap& strip, std::uint32_t frame_height,
                                     const Timing& timing, const HeifEncoding& encoding) {
  if (strip.width() > 65'535 || frame_height > 65'535)
    return failed(wire::Status::output_side_max, "AVIF ends at 65535 pixels a side");
  const HeifContext context(heif_context_alloc());
  TRY(const HeifEncoder encoder, make_encoder(context.get(), encoding));
  heif_context_set_sequence_timescale(context.get(), ticks_per_second);
  heif_context_set_number_of_sequence_repetitions(
      context.get(), timing.loops == 0 ? heif_sequence_maximum_number_of_repetitions
                                       : static_cast<std::uint32_t>(timing.loops));
  const Options options(heif_sequence_encoding_options_alloc());
  options->save_alpha_channel = strip.has_alpha() ? 1 : 0;
  options->gop_structure = heif_sequence_gop_structure_lowdelay;
  const TrackOptions track_options(heif_track_options_alloc());
  heif_track_options_set_timescale(track_options.get(), ticks_per_second);
  heif_track* added = nullptr;
  TRY_HEIF(heif_context_add_visual_sequence_track(
      context.get(), static_cast<std::uint16_t>(strip.width()),
      static_cast<std::uint16_t>(frame_height), heif_track_type_image_sequence, track_options.get(),
      options.get(), &added));
  const Track track(added);
  const std::uint32_t frames = strip.height() / frame_height;
  for (std::uint32_t i = 0; i < frames; ++i) {
    TRY(const HeifImage image, image_of(strip, i * frame_height, frame_height, encoding));
    const int delay = i < timing.delays_ms.size() ? timing.delays_ms[i] : 100;
    heif_image_set_duration(image.get(), static_cast<std::uint32_t>(std::max(1, delay)));
    TRY_HEIF(
        heif_track_encode_sequence_image(track.get(), image.get(), encoder.get(), options.get()));
  }
  TRY_HEIF(heif_track_encode_end_of_sequence(track.get(), encoder.get()));
  return written(context.get());
}

}  // namespace calotype
