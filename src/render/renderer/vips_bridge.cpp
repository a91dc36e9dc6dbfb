// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/vips_bridge.hpp"

#include <libheif/heif.h>

#include <format>
#include <mutex>
#include <ranges>
#include <string_view>

#include "render/renderer/vips_pictures.hpp"

namespace calotype {
namespace {

using vips::VError;
using vips::VImage;

/// GLib ends the program when it finds no memory; the server learns why by the exit code.
void on_log(const gchar*, GLogLevelFlags level, const gchar*, gpointer) {
  if ((level & G_LOG_LEVEL_ERROR) != 0) ::_exit(wire::exit_out_of_memory);
}

/// The same by GLib's other way; its own would ask who reads standard error.
GLogWriterOutput on_structured_log(GLogLevelFlags level, const GLogField*, gsize, gpointer) {
  on_log(nullptr, level, nullptr, nullptr);
  return G_LOG_WRITER_HANDLED;
}

/// What libvips calls untrusted and is wanted all the same: it runs behind the walls. Everything
/// else of that kind (ImageMagick, OpenSlide, Matlab, …) stays shut.
constexpr const char* wanted_untrusted[] = {
    "VipsForeignLoadSvg", "VipsForeignLoadPdf", "VipsForeignLoadJp2k",
    "VipsForeignLoadJxl", "VipsForeignSaveJxl",
};

}  // namespace

std::unexpected<Failure> failure_of(const VError& error) {
  // A line for each part that noticed; the seeks are the loader's own soundings.
  std::string text;
  for (const auto line : std::views::split(std::string_view(error.what()), '\n')) {
    const std::string_view said(line);
    if (said.empty() || said.contains("bad seek") || text.contains(said)) continue;
    text += text.empty() ? "" : "; ";
    text += said;
  }
  vips_error_clear();
  const bool memory = text.contains("out of memory") || text.contains("OutOfMemory") ||
                      text.contains("Memory allocation");
  return failed(memory ? wire::Status::process_memory_max : wire::Status::damaged, text);
}

VImage as_vips(const Bitmap& picture) {
  const VImage image =
      VImage::new_from_memory(const_cast<std::uint8_t*>(picture.row(0)), picture.bytes(),
                              static_cast<int>(picture.width()), static_cast<int>(picture.height()),
                              4, VIPS_FORMAT_UCHAR)
          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  return picture.has_alpha() ? image : image.extract_band(0, VImage::option()->set("n", 3));
}

std::string take(VipsBlob* blob) {
  std::size_t length = 0;
  const auto* bytes = static_cast<const char*>(vips_blob_get(blob, &length));
  std::string text(bytes, length);
  vips_area_unref(VIPS_AREA(blob));
  return text;
}

bool start_vips() {
  g_log_set_default_handler(on_log, nullptr);
  // GLib takes a second one for a mistake that ends the program; tests start more than once.
  static std::once_flag told;
  std::call_once(told, [] { g_log_set_writer_func(on_structured_log, nullptr, nullptr); });
  if (vips_init("calotype-renderer") != 0) return false;
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  vips_block_untrusted_set(TRUE);
  for (const char* name : wanted_untrusted) vips_operation_block_set(name, FALSE);
  return true;
}

std::string vips_version() {
  return std::format("libvips {}", vips_version_string());
}

std::string heif_version() {
  return std::format("libheif {}", heif_get_version());
}

}  // namespace calotype
