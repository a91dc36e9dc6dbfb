// SPDX-License-Identifier: Apache-2.0
// Bytes in memory that several readers send at once (a response, the store, the hot index).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace calotype {

class Bytes {
 public:
  explicit Bytes(std::string bytes);
  ~Bytes();
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  /// A copy in an unnamed file in memory, whose pages the kernel sends as they are, where a copy
  /// into a socket costs more than all else of a large answer. In ordinary memory where descriptors
  /// are scarce: such files get a quarter of those that the process may have.
  static std::shared_ptr<const Bytes> in_file(std::string_view bytes);

  const char* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  std::string_view view() const { return view_; }
  /// Bytes that they take up: whole pages where they are in a file.
  std::size_t memory() const;
  /// For sendfile, from offset 0; negative where the bytes are in no file.
  int file() const { return file_.get(); }

 private:
  Bytes(UniqueFd file, std::string_view mapped) : file_(std::move(file)), view_(mapped) {}

  const std::string memory_;
  const UniqueFd file_;
  const std::string_view view_;
};

using SharedBytes = std::shared_ptr<const Bytes>;

inline SharedBytes share(std::string bytes) {
  return std::make_shared<const Bytes>(std::move(bytes));
}

}  // namespace calotype
