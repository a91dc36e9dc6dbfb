// SPDX-License-Identifier: Apache-2.0
#include "base/ids.hpp"

#include <array>

#include "base/encoding.hpp"
#include "base/hash.hpp"

namespace calotype {

// RFC 4648's alphabet puts the letters before the digits, which is not their order as text. Ids
// must sort as text, so they use the same characters in ascending order.
std::string new_id(Timestamp now) {
  std::array<std::byte, 16> bytes;
  random_bytes(bytes);
  const auto ms = static_cast<std::uint64_t>(now.time_since_epoch().count());
  for (unsigned i = 0; i < 6; ++i) bytes[i] = static_cast<std::byte>(ms >> (8 * (5 - i)));
  std::string id = to_base32(bytes);
  for (char& character : id) {
    const int value = character >= 'a' ? character - 'a' : character - '2' + 26;
    character = static_cast<char>(value < 6 ? '2' + value : 'a' + value - 6);
  }
  return id;
}

}  // namespace calotype
