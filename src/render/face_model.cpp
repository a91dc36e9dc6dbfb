// SPDX-License-Identifier: Apache-2.0
#include "render/face_model.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <format>

#include "base/encoding.hpp"
#include "base/hash.hpp"
#include "render/answers.hpp"

namespace calotype {
namespace {

// Raised whenever a change of ours places crops otherwise by what the same model says.
constexpr int placing_version = 1;

Result<std::string> read_file(const std::string& path) {
  const auto bad = [&](const std::string& why) {
    return fail(ErrorCode::bad_config,
                std::format("models.faces cannot be used: {}: {}.", path, why));
  };
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0) return bad(std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return bad("it is no file");
  const auto bytes = static_cast<std::uint64_t>(facts.st_size);
  if (bytes == 0) return bad("the file is empty");
  if (bytes > face_model_bytes_max)
    return bad(
        std::format("the file has {} bytes, and {} are allowed", bytes, face_model_bytes_max));
  auto content = read_output(file, bytes, face_model_bytes_max);
  if (!content) return bad("it cannot be read to its end");
  return content;
}

}  // namespace

Result<FaceModel> read_face_model(const std::string& path) {
  TRY(const std::string content, read_file(path));
  TRY(SourceBytes bytes, in_memory(content));
  const std::string hash = to_base32(Sha256::of(as_bytes(content)).bytes, 130);
  return FaceModel{std::move(bytes), std::format("faces {} {}", placing_version, hash)};
}

}  // namespace calotype
