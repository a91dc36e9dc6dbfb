// SPDX-License-Identifier: Apache-2.0
// One program a folder: a lock on a file in it, which the kernel drops with the program, however
// that ends.
#pragma once

#include <filesystem>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace calotype {

/// Makes the folder where there is none. bad_config where it cannot be made or written to, or where
/// another program holds it: then with `held`, which should say what to do. The lock lives as long
/// as the descriptor.
Result<UniqueFd> lock_folder(const std::filesystem::path& folder, const std::string& held);

}  // namespace calotype
