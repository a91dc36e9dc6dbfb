// SPDX-License-Identifier: Apache-2.0
// The page for people, as Vite has built it from web/: part of the program
// (cmake/CalotypePage.cmake, web/embed.mjs), so that it is always that of this server's own
// version.
#pragma once

#include <span>
#include <string_view>

namespace calotype {

/// One file, in each coding in which it is smaller. All of it lasts as long as the program.
struct PageFile {
  std::string_view name;  // "index.html", or that below /page/, which carries a hash of the content
  std::string_view media_type;
  std::string_view digest;  // the SHA-256 of the file itself, in hex
  std::string_view plain;
  std::string_view gzip;    // empty: not smaller
  std::string_view brotli;  // likewise
};

std::span<const PageFile> page_files();

}  // namespace calotype
