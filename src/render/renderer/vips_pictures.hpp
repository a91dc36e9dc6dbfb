// SPDX-License-Identifier: Apache-2.0
// libvips: the general path, for every format and colour space that the direct one does not take.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asset/recipe.hpp"
#include "render/renderer/picture.hpp"
#include "render/renderer/source_format.hpp"

struct _VipsImage;  // libvips's VipsImage

namespace calotype {

struct VipsHeader {
  Size size;  // as stored
  int orientation = 1;
  bool has_alpha = false;
  std::uint8_t channels = 0;
  std::uint8_t bits_per_channel = 8;
  std::uint32_t pages = 1;
  std::string color_space;
  std::vector<std::uint8_t> icc_profile;
};

/// What is read of a source, and how.
struct ReadAs {
  std::uint32_t page = 0;
  ColorProfile profile = ColorProfile::srgb;
  bool operator==(const ReadAs&) const = default;
};

/// A rectangle of the picture as stored.
struct Part {
  std::uint32_t left = 0, top = 0;
  Size size;
};

/// How an animation moves.
struct Timing {
  std::vector<int> delays_ms;  // one a frame
  int loops = 0;               // 0: for ever
};

class VipsSource {
 public:
  /// Reads the header only. `bytes` outlive this.
  static Outcome<std::unique_ptr<VipsSource>> open(Bytes bytes, SourceFormat format,
                                                   std::uint64_t pixels_max, const ReadAs& as = {});
  ~VipsSource();
  const VipsHeader& header() const;
  /// Decoded by us (own_decoders.hpp), not by libvips.
  bool is_own() const;
  /// Decoded, resized and converted to the profile; not turned upright. What was decoded is kept
  /// for the next call where it is not too large.
  Outcome<Bitmap> scaled(Size size);
  /// The same of a part alone.
  Outcome<Bitmap> scaled_part(const Part& part, Size size);
  /// Each frame in turn, whole, as stored, converted to the profile.
  Outcome<void> each_frame(std::uint32_t frames,
                           const std::function<Outcome<void>(Bitmap)>& take_frame);
  Timing timing() const;
  /// EXIF, XMP and IPTC, or what EXIF says of rights alone; the orientation is said to be upright.
  void copy_metadata_to(_VipsImage* image, Metadata kept) const;
  /// The profile that the pictures' colours are in, to be embedded; empty for sRGB.
  std::vector<std::uint8_t> profile_in_force() const;

 private:
  struct State;
  explicit VipsSource(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Once, before the sandbox: loads libvips and the modules that are needed, one thread, no cache.
bool start_vips();
/// "libvips 8.16.1"
std::string vips_version();
/// Of the library that encodes AVIF: "libheif 1.19.8".
std::string heif_version();

}  // namespace calotype
