// SPDX-License-Identifier: Apache-2.0
// The reference for the rendering rows: what sharp and imgproxy do for a thumbnail, in one warm
// process without any server around it. Each render goes from the original file through
// vips_thumbnail (shrink on load, lanczos3, orientation applied, colours to sRGB by profile) to
// WebP at libvips' default effort, metadata stripped. libvips uses one thread a render, and so many
// renders run at once as --threads says; its operation cache is off, as in imgproxy, so that no
// round profits from the last.
//
//   libvips_reference [--threads N]      then, on stdin (see task_groups.hpp):
//   task TAB file TAB width TAB kind TAB output
//
// kind: `webp:85` (quality), or `truth`: a lossless PNG reduced from the whole decoded original
// with no shrink on load, which both sides' pictures are judged against.
#include <vips/vips.h>

#include <cstdlib>
#include <cstring>

#include "task_groups.hpp"

namespace {

constexpr int any_height = 10'000'000;  // the width alone decides (VIPS_MAX_COORD)

std::string take_error() {
  std::string text = vips_error_buffer();
  vips_error_clear();
  return text;
}

VipsImage* thumbnail(const std::string& file, int width) {
  VipsImage* image = nullptr;
  vips_thumbnail(file.c_str(), &image, width, "height", any_height, "size", VIPS_SIZE_DOWN,
                 "export_profile", "srgb", nullptr);
  return image;
}

/// Decoded whole, turned upright, to sRGB, then reduced: the best that libvips can do, at any cost.
VipsImage* truth(const std::string& file, int width) {
  VipsImage* decoded = vips_image_new_from_file(file.c_str(), nullptr);
  if (!decoded) return nullptr;
  VipsImage* image = nullptr;
  vips_thumbnail_image(decoded, &image, width, "height", any_height, "size", VIPS_SIZE_DOWN,
                       "export_profile", "srgb", nullptr);
  g_object_unref(decoded);
  return image;
}

void render(bench::Task& task) {
  const std::string& file = task.arguments[0];
  const int width = std::atoi(task.arguments[1].c_str());
  const std::string& kind = task.arguments[2];
  VipsImage* image = kind == "truth" ? truth(file, width) : thumbnail(file, width);
  void* bytes = nullptr;
  std::size_t size = 0;
  int failed = -1;
  if (image && kind == "truth") {
    failed = vips_pngsave_buffer(image, &bytes, &size, "keep", VIPS_FOREIGN_KEEP_NONE, nullptr);
  } else if (image) {
    const int quality = std::atoi(kind.c_str() + std::strlen("webp:"));
    failed = vips_webpsave_buffer(image, &bytes, &size, "Q", quality, "keep",
                                  VIPS_FOREIGN_KEEP_NONE, nullptr);
  }
  if (image) g_object_unref(image);
  if (failed) {
    task.error = take_error();
    return;
  }
  task.output.assign(static_cast<const char*>(bytes), size);
  g_free(bytes);
}

}  // namespace

int main(int argc, char** argv) {
  unsigned threads = 2;
  if (argc == 3 && std::string_view(argv[1]) == "--threads") threads = std::atoi(argv[2]);
  if (VIPS_INIT(argv[0])) vips_error_exit(nullptr);
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  return bench::serve_tasks(threads, [](unsigned, bench::Task& task) {
    if (task.arguments.size() == 4)
      render(task);
    else
      task.error = "a task has a file, a width, a kind and an output";
  });
}
