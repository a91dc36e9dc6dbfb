// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>

#include "base/error.hpp"

namespace calotype {
namespace {

/// IEEE 802.3's polynomial, reflected, as zlib has it.
constexpr auto crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0U);
    table[byte] = value;
  }
  return table;
}();

}  // namespace

class Checksum::Algorithm {
 public:
  virtual ~Algorithm() = default;
  virtual void update(ByteSpan bytes) = 0;
  virtual std::vector<std::byte> finish() = 0;
};

class Checksum::Crc32 final : public Algorithm {
 public:
  void update(ByteSpan bytes) override {
    for (const std::byte byte : bytes)
      value_ = (value_ >> 8) ^ crc_table[(value_ ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
  }
  std::vector<std::byte> finish() override {
    std::vector<std::byte> sum;
    for (const int shift : {24, 16, 8, 0}) sum.push_back(static_cast<std::byte>(~value_ >> shift));
    return sum;
  }

 private:
  std::uint32_t value_ = ~std::uint32_t{0};
};

class Checksum::Hash final : public Algorithm {
 public:
  explicit Hash(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new()) {
    require(context_ && EVP_DigestInit_ex(context_.get(), algorithm, nullptr) == 1, "hash begins");
  }
  void update(ByteSpan bytes) override {
    require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "hash goes on");
  }
  std::vector<std::byte> finish() override {
    std::vector<std::byte> sum(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    require(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(sum.data()),
                               &size) == 1,
            "hash ends");
    sum.resize(size);
    return sum;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

Checksum::Checksum(std::unique_ptr<Algorithm> algorithm) : algorithm_(std::move(algorithm)) {}
Checksum::~Checksum() = default;
Checksum::Checksum(Checksum&&) noexcept = default;
Checksum& Checksum::operator=(Checksum&&) noexcept = default;

std::optional<Checksum> Checksum::of(std::string_view algorithm) {
  if (algorithm == "crc32") return Checksum(std::make_unique<Crc32>());
  if (algorithm == "sha1") return Checksum(std::make_unique<Hash>(EVP_sha1()));
  if (algorithm == "sha256") return Checksum(std::make_unique<Hash>(EVP_sha256()));
  if (algorithm == "md5") return Checksum(std::make_unique<Hash>(EVP_md5()));
  return std::nullopt;
}

void Checksum::update(ByteSpan bytes) {
  algorithm_->update(bytes);
}

std::vector<std::byte> Checksum::finish() {
  return algorithm_->finish();
}

}  // namespace calotype
