// SPDX-License-Identifier: Apache-2.0
// Two AVIFs made one, box by box. What is read here an encoder of ours has just written; still no
// number is trusted, and what is not understood is refused.
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "render/renderer/heif_boxes.hpp"
#include "render/renderer/heif_gain_map.hpp"
#include "render/renderer/own_decoders.hpp"

namespace calotype {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::size_t full_box = 4;  // the version and flags that some boxes begin with
constexpr std::uint32_t flag_hidden = 1;
constexpr std::size_t items_max = 100;

struct Association {
  std::uint32_t property = 0;  // from 1
  bool is_essential = false;
};

struct Item {
  std::uint32_t id = 0;
  std::uint32_t flags = 0;
  std::string description;  // type, name, …: of `infe`, from behind its numbers
  std::string content;
  std::vector<Association> properties;
};

struct Still {
  std::string brands;   // the content of `ftyp`
  std::string handler;  // the whole `hdlr`
  std::uint32_t primary = 0;
  std::vector<Item> items;
  std::vector<std::string> properties;  // whole boxes
  std::string references;               // likewise, one behind the other

  Item* find(std::uint32_t id) {
    const auto found = std::ranges::find(items, id, &Item::id);
    return found == items.end() ? nullptr : &*found;
  }
};

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string number(std::size_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
  return out;
}

bool read_items(Still& still, Bytes descriptions) {
  ByteReader reader(descriptions, true);
  std::size_t at = full_box + (reader.number(0, 1) == 0 ? 2 : 4);
  if (!reader.ok() || at > descriptions.size()) return false;
  while (const auto box = next_box(descriptions, at)) {
    ByteReader entry(box->content, true);
    if (box->type != "infe" || entry.number(0, 1) != 2 || still.items.size() == items_max)
      return false;
    Item item;
    item.flags = entry.number(1, 3);
    item.id = entry.number(4, 2);
    const bool is_protected = entry.number(6, 2) != 0;
    item.description = text_of(box->content.subspan(std::min<std::size_t>(8, box->content.size())));
    if (!entry.ok() || is_protected || item.description.size() < 4) return false;
    still.items.push_back(std::move(item));
  }
  return at == descriptions.size();
}

bool read_contents(Still& still, Bytes file, Bytes meta, Bytes locations) {
  ByteReader reader(locations, true);
  const std::uint32_t version = reader.number(0, 1);
  const std::uint32_t sizes = reader.number(4, 2);
  const std::size_t offset_bytes = sizes >> 12, length_bytes = sizes >> 8 & 15;
  const std::size_t base_bytes = sizes >> 4 & 15, index_bytes = version == 0 ? 0 : sizes & 15;
  if (version > 1 || std::max({offset_bytes, length_bytes, base_bytes, index_bytes}) > 4)
    return false;
  const std::uint32_t count = reader.number(6, 2);
  std::size_t at = 8, left = file.size();  // what contents may have: none stands there twice
  const auto take = [&](std::size_t length) {
    at += length;
    return length == 0 ? 0U : reader.number(at - length, length);
  };
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    Item* item = still.find(take(2));
    const std::uint32_t method = version == 0 ? 0 : take(2) & 15;
    if (item == nullptr || method > 1 || take(2) != 0) return false;
    ByteReader source(method == 0 ? file : inside(meta, "idat"), true);
    const std::size_t base = take(base_bytes);
    const std::uint32_t extents = take(2);
    for (std::uint32_t k = 0; k < extents && reader.ok(); ++k) {
      (void)take(index_bytes);
      const std::size_t start = base + take(offset_bytes);
      const Bytes part = source.part(start, take(length_bytes));
      if (!source.ok() || part.size() > left) return false;
      left -= part.size();
      item->content += text_of(part);
    }
  }
  return reader.ok();
}

bool read_properties(Still& still, Bytes properties) {
  const Bytes boxes = inside(properties, "ipco");
  std::size_t at = 0;
  while (const auto box = next_box(boxes, at)) still.properties.push_back(text_of(box->whole));
  const Bytes associations = inside(properties, "ipma");
  ByteReader reader(associations, true);
  if (reader.number(0, 4) != 0) return false;  // few items, few properties
  const std::uint32_t count = reader.number(4, 4);
  at = 8;
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    Item* item = still.find(reader.number(at, 2));
    const std::uint32_t properties_of_item = reader.number(at + 2, 1);
    at += 3;
    if (item == nullptr) return false;
    for (std::uint32_t k = 0; k < properties_of_item; ++k) {
      const std::uint32_t association = reader.number(at++, 1);
      const std::uint32_t property = association & 0x7f;
      if (property == 0 || property > still.properties.size()) return false;
      item->properties.push_back({property, (association & 0x80) != 0});
    }
  }
  return reader.ok();
}

std::optional<Still> read_still(const std::string& file) {
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
  const Bytes whole_meta = inside(bytes, "meta");
  if (whole_meta.size() < full_box) return std::nullopt;
  const Bytes meta = whole_meta.subspan(full_box);
  Still still;
  still.brands = text_of(inside(bytes, "ftyp"));
  still.handler = box_of("hdlr", text_of(inside(meta, "hdlr")));
  ByteReader primary(inside(meta, "pitm"), true);
  still.primary = primary.number(4, 2);
  if (!primary.ok() || primary.number(0, 1) != 0) return std::nullopt;
  if (!read_items(still, inside(meta, "iinf")) ||
      !read_contents(still, bytes, meta, inside(meta, "iloc")) ||
      !read_properties(still, inside(meta, "iprp")))
    return std::nullopt;
  const Bytes references = inside(meta, "iref");
  if (!references.empty() && references[0] != 0) return std::nullopt;
  if (references.size() > full_box) still.references = text_of(references.subspan(full_box));
  return still.find(still.primary) != nullptr ? std::optional(std::move(still)) : std::nullopt;
}

std::string_view type_of(const std::string& box) {
  return std::string_view(box).substr(4, 4);
}

/// What is shown by whoever knows of gain maps: as large as the base, with the base's profile.
Item tone_mapped_item(Still& still, std::uint32_t id, const GainMapNumbers& numbers) {
  Item item;
  item.id = id;
  item.description = "tmapGMap\0"s;
  item.content = '\0' + iso_of(numbers);
  for (const auto& [property, is_essential] : still.find(still.primary)->properties) {
    const std::string& box = still.properties[property - 1];
    const bool is_profile = type_of(box) == "colr" && std::string_view(box).substr(8, 4) == "prof";
    if (type_of(box) == "ispe" || type_of(box) == "pixi" || is_profile)
      item.properties.push_back({property, false});
  }
  // sRGB's primaries, and the curve of SMPTE ST 2084, which has room for what is brighter.
  still.properties.push_back(box_of("colr", "nclx\0\1\0\x10\0\6\x80"sv));
  item.properties.push_back({static_cast<std::uint32_t>(still.properties.size()), false});
  return item;
}

void add_map(Still& still, Still map, std::uint32_t id) {
  Item item = std::move(*map.find(map.primary));
  item.id = id;
  item.flags |= flag_hidden;
  const auto before = static_cast<std::uint32_t>(still.properties.size());
  for (Association& each : item.properties) each.property += before;
  std::ranges::move(map.properties, std::back_inserter(still.properties));
  still.items.push_back(std::move(item));
}

std::string written_descriptions(const Still& still) {
  std::string entries;
  for (const Item& item : still.items)
    entries += box_of("infe", "\2"s + number(item.flags, 3) + number(item.id, 2) + number(0, 2) +
                                  item.description);
  return box_of("iinf", number(0, 4) + number(still.items.size(), 2) + entries);
}

std::string written_properties(const Still& still) {
  std::string boxes;
  for (const std::string& property : still.properties) boxes += property;
  std::string associations;
  std::size_t described = 0;
  for (const Item& item : still.items) {
    if (item.properties.empty()) continue;
    ++described;
    associations += number(item.id, 2) + number(item.properties.size(), 1);
    for (const auto& [property, is_essential] : item.properties)
      associations += number(property | (is_essential ? 0x80U : 0U), 1);
  }
  return box_of("iprp", box_of("ipco", boxes) +
                            box_of("ipma", number(0, 4) + number(described, 4) + associations));
}

/// Its length does not depend on `start`, where the first item's content stands in the file.
std::string written_locations(const Still& still, std::size_t start) {
  std::string entries;
  for (const Item& item : still.items) {
    entries += number(item.id, 2) + number(0, 2) + number(1, 2) + number(start, 4) +
               number(item.content.size(), 4);
    start += item.content.size();
  }
  return box_of("iloc", number(0, 4) + "\x44\0"s + number(still.items.size(), 2) + entries);
}

std::string written(const Still& still, std::string_view groups) {
  const std::string type = box_of("ftyp", still.brands);
  std::string content;
  for (const Item& item : still.items) content += item.content;
  const auto meta = [&](std::size_t start) {
    return box_of("meta", number(0, 4) + still.handler +
                              box_of("pitm", number(0, 4) + number(still.primary, 2)) +
                              written_locations(still, start) + written_descriptions(still) +
                              box_of("iref", number(0, 4) + still.references) +
                              written_properties(still) + box_of("grpl", groups));
  };
  constexpr std::size_t box_header = 8;
  return type + meta(type.size() + meta(0).size() + box_header) + box_of("mdat", content);
}

}  // namespace

Outcome<std::string> join_gain_map_avif(const std::string& base, const std::string& map,
                                        const GainMapNumbers& numbers) {
  auto still = read_still(base);
  auto other = read_still(map);
  if (!still || !other) return failed(wire::Status::refused, "an AVIF of another kind");
  const std::uint32_t last = std::ranges::max(still->items, {}, &Item::id).id;
  const std::uint32_t map_id = last + 1, tone_mapped = last + 2, group = last + 3;
  const std::size_t properties = still->properties.size() + other->properties.size() + 1;
  if (group > 0xffff || properties > 0x7f || base.size() + map.size() > UINT32_MAX / 2)
    return failed(wire::Status::refused, "too much for one AVIF");
  Item tone_mapped_one = tone_mapped_item(*still, tone_mapped, numbers);
  add_map(*still, std::move(*other), map_id);
  still->items.push_back(std::move(tone_mapped_one));
  still->brands += "tmap";
  still->references += box_of("dimg", number(tone_mapped, 2) + number(2, 2) +
                                          number(still->primary, 2) + number(map_id, 2));
  return written(*still, box_of("altr", number(0, 4) + number(group, 4) + number(2, 4) +
                                            number(tone_mapped, 4) + number(still->primary, 4)));
}

}  // namespace calotype
