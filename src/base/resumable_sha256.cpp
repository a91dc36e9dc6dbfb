// SPDX-License-Identifier: Apache-2.0
// OpenSSL's SHA256_CTX is deprecated in favour of EVP, whose contexts cannot be written down; the
// struct is part of its ABI, and these are its fields.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/resumable_sha256.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace calotype {
namespace {

constexpr std::size_t word_bytes = 4;
constexpr std::size_t words = 8;
constexpr std::size_t head_bytes = words * word_bytes + 8;
static_assert(sizeof(SHA256_CTX::data) == SHA256_CBLOCK);

void put(std::vector<std::byte>& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

std::uint64_t get(ByteSpan from) {
  std::uint64_t value = 0;
  for (const std::byte byte : from) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return value;
}

}  // namespace

struct ResumableSha256::State {
  SHA256_CTX context;
};

ResumableSha256::ResumableSha256() : state_(std::make_unique<State>()) {
  require(SHA256_Init(&state_->context) == 1, "hash begins");
}
ResumableSha256::~ResumableSha256() = default;
ResumableSha256::ResumableSha256(ResumableSha256&&) noexcept = default;
ResumableSha256& ResumableSha256::operator=(ResumableSha256&&) noexcept = default;

std::optional<ResumableSha256> ResumableSha256::resume(ByteSpan state) {
  if (state.size() < head_bytes) return std::nullopt;
  const std::uint64_t bytes = get(state.subspan(words * word_bytes, 8));
  const ByteSpan rest = state.subspan(head_bytes);
  if (rest.size() != bytes % SHA256_CBLOCK) return std::nullopt;
  ResumableSha256 hash;
  SHA256_CTX& context = hash.state_->context;
  for (std::size_t i = 0; i < words; ++i)
    context.h[i] = static_cast<SHA_LONG>(get(state.subspan(i * word_bytes, word_bytes)));
  const std::uint64_t bits = bytes * 8;
  context.Nl = static_cast<SHA_LONG>(bits);
  context.Nh = static_cast<SHA_LONG>(bits >> 32);
  context.num = static_cast<unsigned>(rest.size());
  std::ranges::copy(rest, reinterpret_cast<std::byte*>(context.data));
  return hash;
}

void ResumableSha256::update(ByteSpan bytes) {
  require(SHA256_Update(&state_->context, bytes.data(), bytes.size()) == 1, "hash goes on");
}

std::uint64_t ResumableSha256::bytes() const {
  const SHA256_CTX& context = state_->context;
  return (std::uint64_t{context.Nh} << 32 | context.Nl) / 8;
}

std::vector<std::byte> ResumableSha256::state() const {
  const SHA256_CTX& context = state_->context;
  std::vector<std::byte> state;
  state.reserve(head_bytes + context.num);
  for (const SHA_LONG word : context.h) put(state, word, word_bytes);
  put(state, bytes(), 8);
  const auto* rest = reinterpret_cast<const std::byte*>(context.data);
  state.insert(state.end(), rest, rest + context.num);
  return state;
}

Digest ResumableSha256::digest() const {
  SHA256_CTX copy = state_->context;
  Digest digest;
  require(SHA256_Final(reinterpret_cast<unsigned char*>(digest.bytes.data()), &copy) == 1,
          "hash ends");
  return digest;
}

}  // namespace calotype
