// SPDX-License-Identifier: Apache-2.0
#include "base/hash.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"

namespace calotype {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

/// Found once each: for the plain EVP_sha256() OpenSSL 3 looks the implementation up, under a lock
/// that all threads share, whenever a hash begins.
const EVP_MD* fetch(const char* name) {
  const EVP_MD* found = EVP_MD_fetch(nullptr, name, nullptr);
  require(found != nullptr, "OpenSSL has the hash");
  return found;
}
const EVP_MD* sha256() {
  static const EVP_MD* const algorithm = fetch("SHA256");
  return algorithm;
}
const EVP_MD* sha512() {
  static const EVP_MD* const algorithm = fetch("SHA512");
  return algorithm;
}

Context new_context(const EVP_MD* algorithm) {
  Context context(EVP_MD_CTX_new());
  require(context && EVP_DigestInit_ex(context.get(), algorithm, nullptr) == 1, "hash begins");
  return context;
}

template <std::size_t size>
std::array<std::byte, size> finish_and_restart(EVP_MD_CTX* context) {
  std::array<std::byte, size> digest;
  const bool done =
      EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1 &&
      EVP_DigestInit_ex(context, nullptr, nullptr) == 1;
  require(done, "hash ends");
  return digest;
}

}  // namespace

std::optional<Digest> Digest::from_hex(std::string_view text) {
  const auto bytes = calotype::from_hex(text);
  return bytes ? from_bytes(*bytes) : std::nullopt;
}

std::optional<Digest> Digest::from_bytes(ByteSpan bytes) {
  Digest digest;
  if (bytes.size() != digest.bytes.size()) return std::nullopt;
  std::ranges::copy(bytes, digest.bytes.begin());
  return digest;
}

struct Sha256::State {
  Context context = new_context(sha256());
};
Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteSpan bytes) {
  require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "hash goes on");
}

Digest Sha256::finish() {
  return {finish_and_restart<32>(state_->context.get())};
}

Digest Sha256::of(ByteSpan bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

struct Sha512::State {
  Context context = new_context(sha512());
};
Sha512::Sha512() : state_(std::make_unique<State>()) {}
Sha512::~Sha512() = default;
Sha512::Sha512(Sha512&&) noexcept = default;
Sha512& Sha512::operator=(Sha512&&) noexcept = default;

void Sha512::update(ByteSpan bytes) {
  require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "hash goes on");
}

std::array<std::byte, 64> Sha512::finish() {
  return finish_and_restart<64>(state_->context.get());
}

Digest hmac_sha256(ByteSpan key, ByteSpan message) {
  Digest digest;
  unsigned length = 0;
  const auto* made = HMAC(sha256(), key.data(), static_cast<int>(key.size()),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                          reinterpret_cast<unsigned char*>(digest.bytes.data()), &length);
  require(made != nullptr && length == digest.bytes.size(), "HMAC is made");
  return digest;
}

void random_bytes(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    require(got > 0, "the kernel gives random bytes");
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace calotype
