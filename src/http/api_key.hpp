// SPDX-License-Identifier: Apache-2.0
// API keys: "cal_" and 160 random bits in base32. What is kept is the SHA-256 of the whole text;
// with that many random bits a slow hash would protect nothing further.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.hpp"

namespace calotype {

struct NewApiKey {
  std::string text;  // shown once
  Digest hash;       // stored
};

NewApiKey make_api_key();
Digest hash_of_api_key(std::string_view text);

}  // namespace calotype
