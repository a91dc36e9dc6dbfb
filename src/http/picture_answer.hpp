// SPDX-License-Identifier: Apache-2.0
// Where every dialect ends: from the picture that a request means to the answer. What is stored is
// sent, what is not is ordered; conditions, ranges, headers and the hot index are the same for all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/site.hpp"

namespace calotype {

inline constexpr std::string_view cache_for_ever = "public, max-age=31536000, immutable";
/// Of URLs without a version: what they lead to may become another (a better encoding, a focal
/// point).
inline constexpr std::string_view cache_a_day =
    "public, max-age=86400, stale-while-revalidate=604800";

/// What a way of asking decides about the answer.
struct PictureWish {
  AssetId id;
  Recipe recipe;
  bool negotiate = false;
  std::string cache_control{cache_a_day};
  std::string fields{};          // further header fields, whole lines
  bool keep_hot = false;         // the target is one that many will send
  std::optional<Effort> only{};  // of one version, and no other
};

/// Nothing where only one version will do, which is not stored and is not made while one waits.
std::optional<Answer> answer_picture(const Site& site, const Exchange& exchange,
                                     const PictureWish& wish);

/// Cache-Control of a URL without a version that may expire (seconds since 1970). asset_not_found
/// where it has.
Result<std::string> cache_until(const Site& site, const std::optional<std::int64_t>& expires);

/// "Content-Disposition: …", a whole line; none where the picture is just shown.
std::string disposition_field(bool is_attachment, std::string_view file_name);

/// Whether what a URL without a version leads to may stay in memory: not where the focal point
/// decides it, which another server may move without a word.
bool may_stay_hot(const Site& site, const Recipe& recipe);

/// A problem document about a picture.
Response refused_picture(const Error& error);
Answer picture_or_refusal(Result<Answer> answer);

}  // namespace calotype
