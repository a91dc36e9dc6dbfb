// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "cli/import_source.hpp"

namespace calotype {
namespace {

constexpr std::string_view media_endings[] = {
    "3fr", "3gp",  "aac", "ai",  "apng", "arw",  "avi",  "avif", "bmp",  "cr2",  "cr3",
    "cur", "dng",  "eps", "erf", "flac", "gif",  "heic", "heif", "hif",  "ico",  "j2c",
    "j2k", "jfif", "jp2", "jpe", "jpeg", "jpf",  "jpg",  "jpx",  "jxl",  "m4a",  "m4v",
    "mef", "mkv",  "mov", "mp3", "mp4",  "mpeg", "mpg",  "mrw",  "mts",  "nef",  "nrw",
    "ogg", "orf",  "pdf", "pef", "png",  "psb",  "psd",  "raf",  "raw",  "rw2",  "rwl",
    "sr2", "srf",  "srw", "svg", "svgz", "tif",  "tiff", "wav",  "webm", "webp", "x3f"};

std::string words_of(int error) {
  return std::error_code(error, std::generic_category()).message();
}

std::string stamp_of(const struct stat& facts) {
  return std::to_string(std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec);
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

class FolderSource final : public ImportSource {
 public:
  FolderSource(std::string path, std::string id) : path_(std::move(path)), id_(std::move(id)) {}
  const std::string& id() const override { return id_; }

  Result<ImportListing> list(bool all, const std::stop_token& stop) override {
    ImportListing listing;
    std::vector<std::string> folders{""};
    while (!folders.empty()) {
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, "Stopped.");
      const std::string folder = std::move(folders.back());
      folders.pop_back();
      walk(folder, all, listing, folders);
    }
    std::ranges::sort(listing.items, {}, &ImportItem::name);
    return listing;
  }

  Result<Read> read(const ImportItem& item, const std::stop_token&) override;

 private:
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  void walk(const std::string& folder, bool all, ImportListing& listing,
            std::vector<std::string>& folders) const;
  void look_at(const std::string& name, const dirent& entry, bool all, ImportListing& listing,
               std::vector<std::string>& folders) const;

  const std::string path_;
  const std::string id_;
};

void note(ImportListing& listing, const std::string& name, int error) {
  listing.failures.push_back(
      {name, fail(ErrorCode::bad_request, "It cannot be read: " + words_of(error) + ".").error()});
}

void FolderSource::walk(const std::string& folder, bool all, ImportListing& listing,
                        std::vector<std::string>& folders) const {
  const std::unique_ptr<DIR, CloseFolder> open(::opendir(path_of(folder).c_str()));
  if (!open) return note(listing, folder, errno);
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr && errno != 0) note(listing, folder, errno);
    if (entry == nullptr) return;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (name.starts_with('.') && !all) {
      ++listing.skipped;
      continue;
    }
    look_at(folder + std::string(name), *entry, all, listing, folders);
  }
}

void FolderSource::look_at(const std::string& name, const dirent& entry, bool all,
                           ImportListing& listing, std::vector<std::string>& folders) const {
  if (entry.d_type == DT_DIR) return folders.push_back(name + "/");
  struct stat facts{};
  if (::lstat(path_of(name).c_str(), &facts) != 0) return note(listing, name, errno);
  if (S_ISDIR(facts.st_mode)) return folders.push_back(name + "/");
  if (S_ISLNK(facts.st_mode)) {
    if (::stat(path_of(name).c_str(), &facts) != 0) return note(listing, name, errno);
    if (S_ISDIR(facts.st_mode)) {
      ++listing.skipped;
      return;
    }
  }
  if (!S_ISREG(facts.st_mode) || (!all && !is_media_name(name))) {
    ++listing.skipped;
    return;
  }
  listing.items.push_back({name, static_cast<std::uint64_t>(facts.st_size), stamp_of(facts)});
}

/// A file that is written to meanwhile would come in half old, half new: its size and time have to
/// be those that were listed, before and after it is hashed. What is sent is held against the hash.
Result<ImportSource::Read> FolderSource::read(const ImportItem& item, const std::stop_token&) {
  Read read{
      .file = {UniqueFd(::open(path_of(item.name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)),
               item.bytes, item.name},
      .digest = {}};
  if (!read.file.fd)
    return fail(ErrorCode::bad_request, "It cannot be read: " + words_of(errno) + ".");
  const auto is_same = [&] {
    struct stat facts{};
    return ::fstat(read.file.fd.get(), &facts) == 0 && S_ISREG(facts.st_mode) &&
           static_cast<std::uint64_t>(facts.st_size) == item.bytes && stamp_of(facts) == item.stamp;
  };
  const auto changed = [] {
    return fail(ErrorCode::bad_request, "It is being written to. Import it again later.");
  };
  if (!is_same()) return changed();
  if (item.bytes == 0) return fail(ErrorCode::missing_upload, "It is empty.");
  Sha256 hash;
  if (const auto hashed = hash_range(read.file, 0, item.bytes, hash); !hashed)
    return is_same() ? std::unexpected(hashed.error()) : changed();
  if (!is_same()) return changed();
  read.digest = hash.finish();
  return read;
}

}  // namespace

bool is_media_name(std::string_view name) {
  const auto slash = name.rfind('/');
  const auto dot = name.rfind('.');
  if (dot == name.npos || (slash != name.npos && dot < slash)) return false;
  std::string ending(name.substr(dot + 1));
  std::ranges::transform(ending, ending.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::find(media_endings, ending) != std::end(media_endings);
}

Result<std::unique_ptr<ImportSource>> folder_source(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::canonical(path, error);
  if (error)
    return fail(ErrorCode::bad_request, path + " cannot be imported: " + error.message() + ".");
  if (!std::filesystem::is_directory(canonical, error))
    return fail(ErrorCode::bad_request,
                path + " is no folder. Single files are brought in by `calotype put`.");
  return std::make_unique<FolderSource>(canonical.string(), "folder:" + canonical.string());
}

}  // namespace calotype
