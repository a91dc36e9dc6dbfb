// SPDX-License-Identifier: Apache-2.0
// Pictures that the tests make themselves, and how they look at what comes back.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "render/answers.hpp"
#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/make_picture.hpp"
#include "render/renderer/original.hpp"
#include "render/renderer/resample.hpp"
#include "render/renderer_pool.hpp"

namespace calotype::testing_pictures {

using namespace std::chrono_literals;

inline std::chrono::steady_clock::time_point soon(std::chrono::milliseconds time = 60s) {
  return std::chrono::steady_clock::now() + time;
}

/// Bytes in memory as a source, open for reading only.
inline SourceBytes source_of(const std::string& bytes) {
  const UniqueFd memory = make_output().value();
  EXPECT_EQ(::write(memory.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return {std::make_shared<UniqueFd>(
              ::open(std::format("/proc/self/fd/{}", memory.get()).c_str(), O_RDONLY | O_CLOEXEC)),
          bytes.size()};
}

inline SourceBytes source_of(const std::filesystem::path& path) {
  return {std::make_shared<UniqueFd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
          std::filesystem::file_size(path)};
}

/// Smooth, not symmetrical in any way, with something of every colour.
inline Bitmap scene(std::uint32_t width, std::uint32_t height, bool has_alpha = false) {
  Bitmap picture(width, height, has_alpha);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x) {
      const double u = static_cast<double>(x) / width;
      const double v = static_cast<double>(y) / height;
      std::uint8_t* pixel = picture.row(y) + std::size_t{x} * 4;
      pixel[0] = static_cast<std::uint8_t>(255 * u);
      pixel[1] = static_cast<std::uint8_t>(255 * v);
      pixel[2] = static_cast<std::uint8_t>(127 + 120 * std::sin(9 * u) * std::cos(5 * v));
      if (u < 0.25 && v < 0.25) pixel[0] = pixel[1] = pixel[2] = 250;
      pixel[3] = has_alpha ? static_cast<std::uint8_t>(255 * (1 - v)) : 255;
    }
  return picture;
}

inline std::string jpeg_of(const Bitmap& picture, int quality = 95) {
  return encode_jpeg(picture, quality, true).value();
}

/// Puts a segment behind the start of a JPEG.
inline std::string with_segment(std::string jpeg, char marker, const std::string& content) {
  const std::size_t length = content.size() + 2;
  std::string segment = {'\xff', marker, static_cast<char>(length >> 8),
                         static_cast<char>(length & 0xff)};
  return jpeg.insert(2, segment + content);
}

inline std::string with_orientation(const std::string& jpeg, int orientation) {
  using namespace std::string_literals;
  const std::string exif = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"s +
                           static_cast<char>(orientation) + "\0\0\0\0\0\0\0"s;
  return with_segment(jpeg, '\xe1', exif);
}

inline std::string with_fault(const std::string& name) {
  return with_segment(jpeg_of(scene(64, 48)), '\xfe', "calotype-fault:" + name + " ");
}

inline RenderRequest request_for(const SourceBytes& source, std::uint32_t width,
                                 std::uint32_t height, ImageFormat format = ImageFormat::png) {
  RenderRequest request;
  request.source = source;
  RenderPlan& plan = request.plan;
  plan.scaled_width = plan.kept_width = plan.output_width = width;
  plan.scaled_height = plan.kept_height = plan.output_height = height;
  plan.format = format;
  plan.quality = format == ImageFormat::png ? 0 : format == ImageFormat::avif ? 60 : 90;
  request.estimated_bytes = 1 << 20;
  request.deadline = soon();
  return request;
}

/// What a browser would see; in this process, of pictures that we have made.
inline Bitmap decoded(const std::string& encoded) {
  static const bool started = start_vips();
  EXPECT_TRUE(started);
  auto original = Original::open(
      {reinterpret_cast<const std::uint8_t*>(encoded.data()), encoded.size()}, 1 << 30);
  EXPECT_TRUE(original.has_value()) << original.error().text;
  const Size size = original->facts().upright();
  auto picture = original->scaled(size);
  EXPECT_TRUE(picture.has_value()) << picture.error().text;
  return crop(**picture, 0, 0, size);
}

/// Mean absolute difference of the colours, in levels of 255.
inline double difference(const Bitmap& a, const Bitmap& b) {
  EXPECT_EQ(a.width(), b.width());
  EXPECT_EQ(a.height(), b.height());
  if (a.bytes() != b.bytes()) return 255;
  double sum = 0;
  for (std::size_t i = 0; i < a.bytes(); ++i)
    if (i % 4 != 3) sum += std::abs(a.row(0)[i] - b.row(0)[i]);
  return sum / (static_cast<double>(a.bytes()) * 3 / 4);
}

inline std::array<int, 4> pixel_at(const Bitmap& picture, std::uint32_t x, std::uint32_t y) {
  const std::uint8_t* pixel = picture.row(y) + std::size_t{x} * 4;
  return {pixel[0], pixel[1], pixel[2], pixel[3]};
}

/// The real files, where this checkout stands beside them. (In renderer_pool_test.cpp.)
std::filesystem::path corpus();

inline RenderSettings quick_settings(int processes = 1) {
  RenderSettings settings;
  settings.processes = processes;
  return settings;
}

inline std::string beside_ourselves(const char* program) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / program).string();
}

inline RenderSettings faulty_settings(int processes = 1) {
  RenderSettings settings = quick_settings(processes);
  settings.program = beside_ourselves("calotype-renderer-faulty");
  return settings;
}

}  // namespace calotype::testing_pictures
