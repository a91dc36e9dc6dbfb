// SPDX-License-Identifier: Apache-2.0
#include "catalog/labels.hpp"

#include <algorithm>

namespace calotype {
namespace {

constexpr std::size_t bytes_max = 255;
constexpr std::size_t words_max = 16;

bool is_ascii_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_control(char c) {
  return (c >= 0 && c < 0x20) || c == 0x7f;
}

bool is_beyond_ascii(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

/// Not within a character.
std::string_view cut(std::string_view text) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void add(std::vector<Label>& labels, std::string_view kind, std::string value) {
  if (!value.empty()) labels.push_back({kind, std::move(value)});
}

std::vector<Label> each_once(std::vector<Label> labels) {
  std::ranges::sort(labels);
  const auto twice = std::ranges::unique(labels);
  labels.erase(twice.begin(), twice.end());
  return labels;
}

}  // namespace

std::string label_text(std::string_view text) {
  std::string clean(text);
  std::erase_if(clean, is_control);
  return std::string(cut(clean));
}

std::string folded_text(std::string_view text) {
  std::string folded = label_text(text);
  for (char& c : folded)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return folded;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  const auto belongs = [](char c) { return is_ascii_letter_or_digit(c) || is_beyond_ascii(c); };
  while (words.size() < words_max) {
    const auto first = std::ranges::find_if(text, belongs);
    const auto last = std::find_if_not(first, text.end(), belongs);
    if (first == last) break;
    std::string word = folded_text(std::string_view(first, last));
    if (!std::ranges::contains(words, word)) words.push_back(std::move(word));
    text = std::string_view(last, text.end());
  }
  return words;
}

std::vector<Label> labels_of_upload(std::string_view file_name, std::string_view collection,
                                    const std::vector<std::string>& tags) {
  std::vector<Label> labels;
  add(labels, label_kind::collection, label_text(collection));
  for (const std::string& tag : tags) add(labels, label_kind::tag, label_text(tag));
  for (std::string& word : words_of(file_name)) add(labels, label_kind::word, std::move(word));
  return each_once(std::move(labels));
}

std::vector<Label> labels_of_media(std::string_view media_type, const PhotoFacts& facts) {
  std::vector<Label> labels;
  add(labels, label_kind::type, label_text(media_type));
  for (const std::string& name : {facts.make, facts.model, camera_name(facts)})
    add(labels, label_kind::camera, folded_text(name));
  return each_once(std::move(labels));
}

}  // namespace calotype
