// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/color.hpp"

#include <lcms2.h>

#include <memory>
#include <type_traits>
#include <vector>

namespace calotype {
namespace {

struct CloseProfile {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
using Profile = std::unique_ptr<void, CloseProfile>;
struct DeleteTransform {
  void operator()(void* transform) const { cmsDeleteTransform(transform); }
};
using Transform = std::unique_ptr<void, DeleteTransform>;

Profile open(Bytes profile) {
  return Profile(
      cmsOpenProfileFromMem(profile.data(), static_cast<cmsUInt32Number>(profile.size())));
}

}  // namespace

std::string describe_profile(Bytes profile) {
  const Profile opened = open(profile);
  if (!opened) return {};
  const auto length =
      cmsGetProfileInfoUTF8(opened.get(), cmsInfoDescription, "en", "US", nullptr, 0);
  if (length == 0 || length > 4'096) return {};
  std::vector<char> text(length + 1, '\0');
  cmsGetProfileInfoUTF8(opened.get(), cmsInfoDescription, "en", "US", text.data(), length);
  return text.data();
}

bool is_srgb(Bytes profile) {
  const std::string description = describe_profile(profile);
  return description.starts_with("sRGB IEC61966") || description == "sRGB" ||
         description == "sRGB built-in" || description == "c2";
}

bool is_rgb_profile(Bytes profile) {
  const Profile opened = open(profile);
  return opened && cmsGetColorSpace(opened.get()) == cmsSigRgbData;
}

void convert_to_srgb(Bitmap& picture, Bytes profile) {
  const Profile from = open(profile);
  const Profile to(cmsCreate_sRGBProfile());
  if (!from || !to || cmsGetColorSpace(from.get()) != cmsSigRgbData) return;
  const Transform transform(cmsCreateTransform(
      from.get(), TYPE_RGBA_8, to.get(), TYPE_RGBA_8, INTENT_RELATIVE_COLORIMETRIC,
      cmsFLAGS_COPY_ALPHA | cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_NOCACHE));
  if (!transform) return;
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    cmsDoTransform(transform.get(), picture.row(y), picture.row(y), picture.width());
}

}  // namespace calotype
