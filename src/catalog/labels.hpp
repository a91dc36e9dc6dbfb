// SPDX-License-Identifier: Apache-2.0
// What an asset can be found by that is a word and not a number: tags, collections, the words of
// file names, its type, its camera. Each is a row of the table `label`, made here and nowhere else,
// so that a filter is spelled as the row that it looks for.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "asset/photo_facts.hpp"

namespace calotype {

namespace label_kind {
inline constexpr std::string_view collection = "collection";
inline constexpr std::string_view tag = "tag";
inline constexpr std::string_view word = "word";
inline constexpr std::string_view type = "type";
inline constexpr std::string_view camera = "camera";
}  // namespace label_kind

struct Label {
  std::string_view kind;
  std::string value;
  auto operator<=>(const Label&) const = default;
};

/// What an upload says of its asset; sorted, each once.
std::vector<Label> labels_of_upload(std::string_view file_name, std::string_view collection,
                                    const std::vector<std::string>& tags);
/// What inspection says: the type; the camera by its model, its maker, and both.
std::vector<Label> labels_of_media(std::string_view media_type, const PhotoFacts& facts);

/// Without control characters, and at most 255 bytes of it.
std::string label_text(std::string_view text);
/// The same in lower case, as far as ASCII goes: how cameras and the order by name compare.
std::string folded_text(std::string_view text);
/// Runs of letters and digits, folded, each once, the first 16; whatever is not ASCII counts as a
/// letter.
std::vector<std::string> words_of(std::string_view text);

}  // namespace calotype
