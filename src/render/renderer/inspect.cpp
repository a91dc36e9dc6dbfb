// SPDX-License-Identifier: Apache-2.0
// The picture is decoded at the scale that the proof needs, which reads every byte and so finds
// what is cut off; the fingerprint and the placeholder are made from the proof's pixels.
#include "render/renderer/inspect.hpp"

#include <algorithm>
#include <cmath>

#include "base/encoding.hpp"
#include "render/renderer/color.hpp"
#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/media_type.hpp"
#include "render/renderer/metadata.hpp"
#include "render/renderer/original.hpp"
#include "render/renderer/pdq.hpp"
#include "render/renderer/resample.hpp"
#include "render/renderer/thumbhash.hpp"

namespace calotype {
namespace {

constexpr Size proof_box{640, 1'280};
constexpr int proof_quality = 92;
constexpr double proof_share_max = 0.7;  // of a side: above it the original is as good
constexpr Size placeholder_box{100, 100};

/// Never enlarged.
Size fit(Size size, Size box) {
  const double share = std::min({1.0, static_cast<double>(box.width) / size.width,
                                 static_cast<double>(box.height) / size.height});
  const auto side = [&](std::uint32_t length) {
    return std::max(1U, static_cast<std::uint32_t>(std::lround(length * share)));
  };
  return {side(size.width), side(size.height)};
}

/// A proof is decoded at some eighths of its size; sides that eight divides come out exact. Its
/// shape may differ a little from the original's for that: variants are scaled from all of it to
/// all of theirs.
Size whole_eighths(Size size) {
  return {(size.width + 7) / 8 * 8, (size.height + 7) / 8 * 8};
}

std::string base64_of(const std::string& bytes) {
  return to_base64(as_bytes(bytes));
}

MediaInfo media_of(const OriginalFacts& facts) {
  MediaInfo media;
  media.renderable = true;
  media.width = facts.upright().width;
  media.height = facts.upright().height;
  media.orientation = static_cast<std::uint8_t>(facts.orientation);
  media.bits_per_channel = facts.bits_per_channel;
  media.channels = facts.channels;
  media.has_alpha = facts.has_alpha;
  media.has_gain_map = facts.gain_map.has_value();
  media.pages = facts.pages;
  media.color_space = facts.color_space;
  if (!facts.icc_profile.empty()) media.icc_profile = describe_profile(facts.icc_profile);
  return media;
}

/// `small` is the picture at hand; a picture within PDQ's box is looked at as it is. Of what has
/// several pages or frames one would say too little.
Outcome<std::optional<Fingerprint>> fingerprint_of(Original& original, const Bitmap& small) {
  if (original.facts().pages != 1) return std::nullopt;
  const Size whole = original.facts().upright();
  if (whole.width > pdq_box.width || whole.height > pdq_box.height)
    return pdq_fingerprint(resample(small, pdq_box));
  TRY(const Bitmap* exact, original.scaled(whole));
  return pdq_fingerprint(*exact);
}

}  // namespace

Outcome<Inspection> inspect_bytes(Bytes bytes, std::uint64_t pixels_max) {
  Inspection inspection;
  auto original = Original::open(bytes, pixels_max);
  if (!original && original.error().status != wire::Status::unsupported)
    return std::unexpected(original.error());
  if (original) inspection.media = media_of(original->facts());
  inspection.media.media_type = media_type_of_bytes(bytes);
  inspection.media.metadata_json = "{}";
  if (!original) return inspection;
  inspection.media.metadata_json = metadata_json(bytes);

  const Size whole = original->facts().upright();
  const Size proof_size = whole_eighths(fit(whole, proof_box));
  const bool wants_proof = !original->facts().has_alpha &&
                           proof_size.width < whole.width * proof_share_max &&
                           proof_size.height < whole.height * proof_share_max;
  TRY(const Bitmap* small, original->scaled(proof_size));
  if (wants_proof) {
    TRY(std::string proof, encode_jpeg(*small, proof_quality, true));
    inspection.proof = ProofPicture{std::move(proof), proof_size.width, proof_size.height};
  }
  TRY(inspection.fingerprint, fingerprint_of(*original, *small));
  TRY(const Bitmap* tiny, original->scaled(fit(whole, placeholder_box)));
  inspection.media.placeholder = base64_of(thumb_hash(*tiny));
  return inspection;
}

}  // namespace calotype
