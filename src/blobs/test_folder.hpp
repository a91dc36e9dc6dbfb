// SPDX-License-Identifier: Apache-2.0
// What the tests of the blob stores share: a folder of their own, and a look at what is in it.
#pragma once

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace calotype::test {

/// Empty, on the file system of $CALOTYPE_TEST_DIR (default: the temporary folder); removed at the
/// end.
class TestFolder {
 public:
  TestFolder() {
    const char* chosen = ::getenv("CALOTYPE_TEST_DIR");
    const auto above =
        chosen != nullptr ? std::filesystem::path(chosen) : std::filesystem::temp_directory_path();
    std::string name = (above / "calotype-blobs-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "a test has a temporary folder");
    path_ = name;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Every file beneath it, as sorted relative paths.
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_))
      if (!entry.is_directory())
        found.push_back(std::filesystem::relative(entry.path(), path_).string());
    std::ranges::sort(found);
    return found;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace calotype::test
