// SPDX-License-Identifier: Apache-2.0
// A source, opened: what it is, and pictures of it at any size, upright and in sRGB. Each picture
// is made from the smallest thing in hand that is good enough: a picture made before that is at
// least twice as large, what was decoded before, or a new decode at the smallest scale that will
// do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asset/recipe.hpp"
#include "render/renderer/gain_map.hpp"
#include "render/renderer/picture.hpp"
#include "render/renderer/source_format.hpp"
#include "render/renderer/vips_pictures.hpp"

namespace calotype {

struct OriginalFacts {
  SourceFormat format = SourceFormat::jpeg;
  Size stored;
  int orientation = 1;
  bool has_alpha = false;
  std::uint8_t channels = 3;
  std::uint8_t bits_per_channel = 8;
  std::uint32_t pages = 1;
  bool is_sequence = false;  // HEIF or AVIF with frames
  std::optional<GainMap> gain_map;
  std::string color_space;
  std::vector<std::uint8_t> icc_profile;

  Size upright() const { return lies_on_side(orientation) ? stored.turned() : stored; }
};

class Original {
 public:
  /// Reads the header. unsupported where the format is none of ours; `bytes` outlive this.
  static Outcome<Original> open(Bytes bytes, std::uint64_t pixels_max, const ReadAs& as = {});

  const OriginalFacts& facts() const { return facts_; }
  /// The pointer is good until the next call.
  Outcome<const Bitmap*> scaled(Size size);
  /// Of a region of the upright picture, in pixels; of no width: all of it. Not kept.
  Outcome<Bitmap> scaled_region(const Region& region, Size size);
  /// The first frames of an animation, whole and upright, one after another.
  Outcome<void> each_frame(std::uint32_t frames,
                           const std::function<Outcome<void>(Bitmap)>& take_frame);
  Outcome<Timing> timing();
  /// What stands beside the pixels (VipsSource::copy_metadata_to).
  Outcome<const VipsSource*> described();
  /// To be embedded; empty for sRGB.
  Outcome<std::vector<std::uint8_t>> profile_in_force();

 private:
  Outcome<void> open_camera_raw(std::uint64_t pixels_max);
  Outcome<Bitmap> make(Size stored_size);
  Outcome<Bitmap> make_part(const Part& part, Size stored_size);
  Outcome<VipsSource*> through_vips();

  Bytes bytes_;
  ReadAs as_;
  std::vector<std::uint8_t> preview_;  // of a camera's raw file: what bytes_ are then
  OriginalFacts facts_;
  bool converts_ = false;                // the direct path has to convert colours
  std::unique_ptr<VipsSource> general_;  // none on the direct path
  Bitmap decoded_;                       // of the direct path, as stored
  int decoded_eighths_ = 8;              // its scale
  std::vector<Bitmap> made_;             // upright, sRGB; largest first
};

}  // namespace calotype
