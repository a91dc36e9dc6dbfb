// SPDX-License-Identifier: Apache-2.0
#include "http/api_key.hpp"

namespace calotype {

NewApiKey make_api_key() {
  std::array<std::byte, 20> secret{};
  random_bytes(secret);
  std::string text = "cal_" + to_base32(secret);
  const Digest hash = hash_of_api_key(text);
  return {std::move(text), hash};
}

Digest hash_of_api_key(std::string_view text) {
  return Sha256::of(as_bytes(text));
}

}  // namespace calotype
