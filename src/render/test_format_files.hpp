// SPDX-License-Identifier: Apache-2.0
// Files of the formats that are read, written here byte by byte where no encoder is at hand.
#pragma once

#include <string>
#include <vector>

#include "render/renderer/samples.hpp"
#include "render/test_pictures.hpp"

namespace calotype::testing_pictures {

using namespace std::string_literals;

inline std::string little(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}
inline std::string big(std::uint64_t value, int bytes) {
  std::string out = little(value, bytes);
  return {out.rbegin(), out.rend()};
}
inline Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Rows from the bottom, blue first, each filled up to four bytes.
inline std::string dib_of(const Bitmap& picture, int bits, bool is_icon = false) {
  std::string out = little(40, 4) + little(picture.width(), 4) +
                    little(picture.height() * (is_icon ? 2 : 1), 4) + little(1, 2) +
                    little(static_cast<std::uint64_t>(bits), 2) + std::string(24, '\0');
  for (std::uint32_t y = picture.height(); y-- > 0;) {
    std::string row;
    for (std::uint32_t x = 0; x < picture.width(); ++x) {
      const auto p = pixel_at(picture, x, y);
      if (bits == 16) {
        row +=
            little(static_cast<std::uint64_t>((p[0] >> 3) << 10 | (p[1] >> 3) << 5 | p[2] >> 3), 2);
        continue;
      }
      for (const int c : {2, 1, 0}) row += static_cast<char>(p[static_cast<std::size_t>(c)]);
      if (bits == 32) row += static_cast<char>(p[3]);
    }
    row.resize((row.size() + 3) / 4 * 4);
    out += row;
  }
  if (is_icon) out += std::string((picture.width() + 31) / 32 * 4 * picture.height(), '\0');
  return out;
}
inline std::string bmp_of(const Bitmap& picture, int bits) {
  const std::string dib = dib_of(picture, bits);
  return "BM" + little(14 + dib.size(), 4) + little(0, 4) + little(54, 4) + dib;
}
/// A palette of grays, in runs of one.
inline std::string bmp_of_runs(const Bitmap& picture) {
  std::string dib = little(40, 4) + little(picture.width(), 4) + little(picture.height(), 4) +
                    little(1, 2) + little(8, 2) + little(1, 4) + std::string(20, '\0');
  for (int i = 0; i < 256; ++i) dib += std::string(3, static_cast<char>(i)) + '\0';
  for (std::uint32_t y = picture.height(); y-- > 0;) {
    for (std::uint32_t x = 0; x < picture.width(); ++x)
      dib += '\1' + std::string(1, static_cast<char>(pixel_at(picture, x, y)[1]));
    dib += "\0\0"s;
  }
  dib += "\0\1"s;
  return "BM" + little(14 + dib.size(), 4) + little(0, 4) + little(54 + 1'024, 4) + dib;
}

/// A picture in each way of an icon's, the last the largest.
inline std::string ico_of(const std::vector<std::string>& pictures, const std::vector<int>& sides) {
  std::string out = "\0\0\1\0"s + little(pictures.size(), 2);
  std::size_t at = 6 + 16 * pictures.size();
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    out += little(static_cast<std::uint64_t>(sides[i]) & 0xff, 1) +
           little(static_cast<std::uint64_t>(sides[i]) & 0xff, 1) + "\0\0\1\0"s + little(32, 2) +
           little(pictures[i].size(), 4) + little(at, 4);
    at += pictures[i].size();
  }
  for (const auto& picture : pictures) out += picture;
  return out;
}

/// Planes one after another; packed as literals of at most 128.
inline std::string psd_of(const Bitmap& picture, int depth, bool packed) {
  std::string out = "8BPS\0\1"s + std::string(6, '\0') + big(3, 2) + big(picture.height(), 4) +
                    big(picture.width(), 4) + big(static_cast<std::uint64_t>(depth), 2) +
                    big(3, 2) + big(0, 4) + big(0, 4) + big(0, 4) + big(packed ? 1 : 0, 2);
  std::string lengths;
  std::string pixels;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::uint32_t y = 0; y < picture.height(); ++y) {
      std::string row;
      for (std::uint32_t x = 0; x < picture.width(); ++x) {
        const auto value = static_cast<char>(pixel_at(picture, x, y)[c]);
        row += std::string(static_cast<std::size_t>(depth / 8), value);
      }
      std::string stored = packed ? "" : row;
      for (std::size_t at = 0; packed && at < row.size(); at += 128) {
        const std::string piece = row.substr(at, 128);
        stored += static_cast<char>(piece.size() - 1) + piece;
      }
      lengths += big(stored.size(), 2);
      pixels += stored;
    }
  return out + (packed ? lengths : "") + pixels;
}

/// A TIFF with a sensor's directory and, beside it, a JPEG; what every camera's file boils down to.
inline std::string raw_of(const std::string& jpeg, int orientation) {
  std::string out = "II*\0"s + little(8, 4);
  struct Entry {
    int tag, type;
    std::uint64_t value;
  };
  const std::size_t first_bytes = 2 + 12 * 8 + 4;
  const std::size_t sub_at = 8 + first_bytes;
  const std::size_t sub_bytes = 2 + 12 * 4 + 4;
  const std::size_t jpeg_at = sub_at + sub_bytes;
  const auto directory = [&](const std::vector<Entry>& entries) {
    std::string text = little(entries.size(), 2);
    for (const Entry& entry : entries)
      text += little(static_cast<std::uint64_t>(entry.tag), 2) +
              little(static_cast<std::uint64_t>(entry.type), 2) + little(1, 4) +
              little(entry.value, 4);
    return text + little(0, 4);
  };
  out += directory({{254, 4, 1},
                    {256, 4, 90},
                    {257, 4, 60},
                    {259, 3, 6},
                    {274, 3, static_cast<std::uint64_t>(orientation)},
                    {330, 4, sub_at},
                    {513, 4, jpeg_at},
                    {514, 4, jpeg.size()}});
  out += directory({{254, 4, 0}, {256, 4, 4}, {257, 4, 4}, {262, 3, 32'803}});
  return out + jpeg;
}

struct Made {
  std::string name, bytes, media_type;
  Bitmap expected;
  double difference_max = 3;
  std::uint32_t pages = 1;
};

/// One of each that is read, all of the same scene.
inline std::vector<Made> made_files() {
  const auto picture = [] { return scene(90, 60); };
  std::vector<Made> files;
  const auto add = [&](std::string name, std::string bytes, std::string type, double most = 3,
                       std::uint32_t pages = 1) {
    files.push_back({std::move(name), std::move(bytes), std::move(type), picture(), most, pages});
  };
  add("BMP 24", bmp_of(picture(), 24), "image/bmp", 1);
  add("BMP 32", bmp_of(picture(), 32), "image/bmp", 1);
  add("BMP 16", bmp_of(picture(), 16), "image/bmp", 6);
  add("ICO", ico_of({dib_of(scene(16, 16), 32, true), encode_png(picture()).value()}, {16, 90}),
      "image/x-icon", 1, 2);
  add("ICO of bitmaps", ico_of({dib_of(picture(), 24, true)}, {90}), "image/x-icon", 1);
  add("PSD", psd_of(picture(), 8, false), "image/vnd.adobe.photoshop", 1);
  add("PSD packed", psd_of(picture(), 8, true), "image/vnd.adobe.photoshop", 1);
  add("PSD 16", psd_of(picture(), 16, true), "image/vnd.adobe.photoshop", 1);
  add("RAW", raw_of(jpeg_of(picture()), 1), "image/x-adobe-dng", 3);
  const auto samples = make_samples(picture()).value();
  for (const Sample& sample : samples) {
    if (sample.name == "TIFF"s) add(sample.name, sample.bytes, "image/tiff", 1);
    if (sample.name == "JPEG 2000"s) add(sample.name, sample.bytes, "image/jp2", 6);
  }
  add("GIF", encode(picture(), ImageFormat::gif, 0).value(), "image/gif", 9);
  add("JPEG XL", encode(picture(), ImageFormat::jxl, 90).value(), "image/jxl", 4);
  return files;
}

}  // namespace calotype::testing_pictures
