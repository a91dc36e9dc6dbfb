// SPDX-License-Identifier: Apache-2.0
#include "base/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace calotype {

Result<UniqueFd> lock_folder(const std::filesystem::path& folder, const std::string& held) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(ErrorCode::bad_config, "The data folder " + folder.string() + " cannot be made.",
                error.message());
  const auto path = folder / "lock";
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file)
    return fail_errno(ErrorCode::bad_config,
                      "The data folder " + folder.string() + " cannot be written to.", errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) return fail(ErrorCode::bad_config, held);
  return file;
}

}  // namespace calotype
