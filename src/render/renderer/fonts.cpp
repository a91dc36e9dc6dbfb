// SPDX-License-Identifier: Apache-2.0
// FreeType, HarfBuzz and Poppler open fonts by their path with open(), which the dynamic linker
// takes from this executable before it takes it from the C library (see CMakeLists.txt).
#include "render/renderer/fonts.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <fontconfig/fontconfig.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {
namespace {

constexpr std::size_t fonts_max = 24;
constexpr int fallbacks_wanted = 12;

struct OpenFont {
  std::array<char, 256> path{};
  int fd = -1;
};
// Written once, before threads and before the sealing; only read after that, also by open() below,
// which may be called at any moment and so must not depend on a constructor.
std::array<OpenFont, fonts_max> fonts;
std::size_t font_count = 0;

template <auto destroy>
struct Destroy {
  void operator()(auto* thing) const { destroy(thing); }
};
using Pattern = std::unique_ptr<FcPattern, Destroy<FcPatternDestroy>>;
using FontSet = std::unique_ptr<FcFontSet, Destroy<FcFontSetDestroy>>;

std::string_view file_of(FcPattern* font) {
  FcChar8* file = nullptr;
  if (FcPatternGetString(font, FC_FILE, 0, &file) != FcResultMatch) return {};
  return reinterpret_cast<const char*>(file);
}

void keep_open(std::string_view path) {
  if (path.empty() || font_count == fonts_max || path.size() >= fonts[0].path.size()) return;
  const auto known = [&](const OpenFont& font) { return path == font.path.data(); };
  if (std::any_of(fonts.begin(), fonts.begin() + static_cast<std::ptrdiff_t>(font_count), known))
    return;
  OpenFont font;
  std::ranges::copy(path, font.path.begin());
  font.fd =
      static_cast<int>(::syscall(SYS_openat, AT_FDCWD, font.path.data(), O_RDONLY | O_CLOEXEC));
  if (font.fd >= 0) fonts[font_count++] = font;
}

/// The best match, and behind it what else would be tried for the letters that it lacks.
void keep_family(const char* family, int weight, int slant, int wanted) {
  const Pattern pattern(FcPatternCreate());
  FcPatternAddString(pattern.get(), FC_FAMILY, reinterpret_cast<const FcChar8*>(family));
  FcPatternAddInteger(pattern.get(), FC_WEIGHT, weight);
  FcPatternAddInteger(pattern.get(), FC_SLANT, slant);
  FcConfigSubstitute(nullptr, pattern.get(), FcMatchPattern);
  FcDefaultSubstitute(pattern.get());
  FcResult result = FcResultMatch;
  const FontSet sorted(FcFontSort(nullptr, pattern.get(), FcTrue, nullptr, &result));
  if (!sorted) return;
  for (int i = 0; i < std::min(sorted->nfont, wanted); ++i) keep_open(file_of(sorted->fonts[i]));
}

/// Fontconfig forgets what was not opened, so that it never chooses it.
void forget_others() {
  FcConfig* config = FcConfigGetCurrent();
  for (const auto set_name : {FcSetSystem, FcSetApplication}) {
    FcFontSet* set = FcConfigGetFonts(config, set_name);
    if (set == nullptr) continue;
    int kept = 0;
    for (int i = 0; i < set->nfont; ++i) {
      const std::string_view file = file_of(set->fonts[i]);
      const auto is_open = [&](const OpenFont& font) { return file == font.path.data(); };
      const auto end = fonts.begin() + static_cast<std::ptrdiff_t>(font_count);
      if (std::any_of(fonts.begin(), end, is_open)) std::swap(set->fonts[kept++], set->fonts[i]);
    }
    set->nfont = kept;
  }
  FcConfigSetRescanInterval(config, 0);  // or it would look for changes, and find nothing at all
}

/// Nothing is written to standard error while this lives. Where its cache is out of date, as in a
/// container's image, Fontconfig complains there that it cannot write it anew; it need not.
class SilencedErrors {
 public:
  SilencedErrors() : kept_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) {
    const int nowhere = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY));
    if (kept_ >= 0 && nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
    if (nowhere >= 0) ::close(nowhere);
  }
  ~SilencedErrors() {
    if (kept_ < 0) return;
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
  }
  SilencedErrors(const SilencedErrors&) = delete;
  SilencedErrors& operator=(const SilencedErrors&) = delete;

 private:
  const int kept_;
};

}  // namespace

bool open_fonts() {
  const SilencedErrors silenced;
  if (FcInit() == FcFalse) return false;
  for (const char* family : {"sans-serif", "serif", "monospace"})
    for (const int weight : {FC_WEIGHT_REGULAR, FC_WEIGHT_BOLD})
      for (const int slant : {FC_SLANT_ROMAN, FC_SLANT_ITALIC})
        keep_family(family, weight, slant, 1);
  keep_family("sans-serif", FC_WEIGHT_REGULAR, FC_SLANT_ROMAN, fallbacks_wanted);
  forget_others();
  return font_count > 0;
}

/// A font that is kept open, or −1.
static int descriptor_of_font(const char* path) {
  for (std::size_t i = 0; i < font_count; ++i)
    if (std::strcmp(fonts[i].path.data(), path) == 0) return fonts[i].fd;
  return -1;
}

static int duplicate_of_font(const char* path, int flags) {
  const int font = (flags & O_ACCMODE) == O_RDONLY ? descriptor_of_font(path) : -1;
  if (font < 0) return -1;
  // The place is shared. Everybody maps, or reads from the start to the end at once.
  ::lseek(font, 0, SEEK_SET);
  return ::fcntl(font, F_DUPFD_CLOEXEC, 0);
}

/// The kept font at that path, or the file that the kernel opens. `rest` holds the mode, where the
/// flags want one.
static int open_font_or_file(const char* path, int flags, va_list rest) {
  const int font = duplicate_of_font(path, flags);
  if (font >= 0) return font;
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

/// The same as a stream; any other file as the C library would open it.
static FILE* stream_of_font(const char* path, const char* mode, const char* otherwise) {
  if (mode[0] == 'r' && std::strchr(mode, '+') == nullptr) {
    const int font = duplicate_of_font(path, O_RDONLY);
    if (font >= 0) return ::fdopen(font, "r");
  }
  using Open = FILE* (*)(const char*, const char*);
  const auto next = reinterpret_cast<Open>(::dlsym(RTLD_NEXT, otherwise));
  return next(path, mode);
}

}  // namespace calotype

extern "C" {

[[gnu::visibility("default")]] int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int file = calotype::open_font_or_file(path, flags, rest);
  va_end(rest);
  return file;
}

[[gnu::visibility("default")]] int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int file = calotype::open_font_or_file(path, flags | O_LARGEFILE, rest);
  va_end(rest);
  return file;
}

// Pango asks before it opens.
[[gnu::visibility("default")]] int access(const char* path, int mode) {
  if (mode == R_OK && calotype::descriptor_of_font(path) >= 0) return 0;
  return static_cast<int>(::syscall(SYS_faccessat, AT_FDCWD, path, mode));
}

// Poppler reads fonts through stdio, which does not come by open().
[[gnu::visibility("default")]] FILE* fopen(const char* path, const char* mode) {
  return calotype::stream_of_font(path, mode, "fopen");
}

[[gnu::visibility("default")]] FILE* fopen64(const char* path, const char* mode) {
  return calotype::stream_of_font(path, mode, "fopen64");
}
}
