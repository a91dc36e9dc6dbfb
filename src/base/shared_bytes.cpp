// SPDX-License-Identifier: Apache-2.0
#include "base/shared_bytes.hpp"

#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>

#include "base/write_all.hpp"

namespace calotype {
namespace {

std::atomic<std::size_t> files = 0;

std::size_t files_max() {
  static const std::size_t value = [] {
    rlimit limit{};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 4 : 0;
  }();
  return value;
}

}  // namespace

Bytes::Bytes(std::string bytes) : memory_(std::move(bytes)), view_(memory_) {}

Bytes::~Bytes() {
  if (!file_) return;
  ::munmap(const_cast<char*>(view_.data()), view_.size());
  --files;
}

std::size_t Bytes::memory() const {
  constexpr std::size_t page = 4'096;
  return file_ ? (size() + page - 1) / page * page : size();
}

std::shared_ptr<const Bytes> Bytes::in_file(std::string_view bytes) {
  if (++files <= files_max() && !bytes.empty()) {
    UniqueFd file(::memfd_create("calotype-bytes", MFD_CLOEXEC));
    if (file && write_all(file.get(), as_bytes(bytes)))
      if (void* const mapped = ::mmap(nullptr, bytes.size(), PROT_READ, MAP_SHARED, file.get(), 0);
          mapped != MAP_FAILED)
        return std::shared_ptr<const Bytes>(
            new Bytes(std::move(file), {static_cast<const char*>(mapped), bytes.size()}));
  }
  --files;
  return share(std::string(bytes));
}

}  // namespace calotype
