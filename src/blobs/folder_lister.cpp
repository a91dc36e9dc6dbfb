// SPDX-License-Identifier: Apache-2.0
// Three levels of folders above the files: kind, aa, bb. A folder is read whole and sorted (a leaf
// holds a 65,536th of a kind), and skipped where everything in it comes before `after` or cannot
// start with the prefix. So a page costs the folders it shows, and the way down to the first.
#include "blobs/folder_lister.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace calotype {
namespace {

constexpr int depth_of_files = 3;

struct Walk {
  FileOps& ops;
  int root;
  std::string_view prefix;
  std::string_view after;
  std::size_t limit;
  std::vector<BlobEntry> found{};
};

std::unexpected<Error> cannot_list(int error) {
  return fail_errno(ErrorCode::storage_failed, "The store cannot be listed now.", -error);
}

/// Sorted; empty where the folder is not there (any more).
Result<std::vector<std::string>> names_in(const Walk& walk, const std::string& folder) {
  std::vector<std::string> names;
  const int fd = walk.ops.open(walk.root, folder, O_RDONLY | O_DIRECTORY, 0);
  if (fd == -ENOENT || fd == -ENOTDIR) return names;
  if (fd < 0) return cannot_list(fd);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  require(stream != nullptr, "an open folder can be read");
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  if (errno != 0) return cannot_list(-errno);
  std::ranges::sort(names);
  return names;
}

/// Whether a key below `folder` (which ends in a slash) can be in the answer.
bool may_contain(const Walk& walk, const std::string& folder) {
  const bool on_prefix = folder.starts_with(walk.prefix) || walk.prefix.starts_with(folder);
  return on_prefix && folder >= walk.after.substr(0, folder.size());
}

Result<void> add_file(Walk& walk, const std::string& path) {
  if (!path.starts_with(walk.prefix) || path <= walk.after) return {};
  auto key = BlobKey::parse(path);
  if (!key) return {};
  struct stat facts{};
  const int error = walk.ops.stat(walk.root, path, facts);
  if (error == -ENOENT) return {};
  if (error < 0) return cannot_list(error);
  if (!S_ISREG(facts.st_mode)) return {};
  const auto modified =
      std::chrono::seconds(facts.st_mtim.tv_sec) + std::chrono::nanoseconds(facts.st_mtim.tv_nsec);
  walk.found.push_back({.key = *std::move(key),
                        .bytes = static_cast<std::uint64_t>(facts.st_size),
                        .modified = std::chrono::floor<std::chrono::milliseconds>(
                            std::chrono::sys_time<std::chrono::nanoseconds>(modified))});
  return {};
}

Result<void> walk_folder(Walk& walk, const std::string& folder, int depth) {
  if (!may_contain(walk, folder)) return {};
  TRY(const auto names, names_in(walk, folder));
  for (const auto& name : names) {
    if (walk.found.size() >= walk.limit) break;
    if (depth == depth_of_files)
      TRY_VOID(add_file(walk, folder + name));
    else
      TRY_VOID(walk_folder(walk, folder + name + "/", depth + 1));
  }
  return {};
}

}  // namespace

Result<std::vector<BlobEntry>> list_folder(FileOps& ops, int root, std::string_view prefix,
                                           std::string_view after, std::size_t limit) {
  Walk walk{.ops = ops, .root = root, .prefix = prefix, .after = after, .limit = limit};
  for (const auto* kind : {"proofs/", "raw/", "variants/"}) TRY_VOID(walk_folder(walk, kind, 1));
  return std::move(walk.found);
}

}  // namespace calotype
