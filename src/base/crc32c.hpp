// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli; RFC 3720, appendix B.4), by the processor's instruction where it has one. In
// up to 256 MiB it finds every error of one, two or three bits, and every one within 32 bits. It
// says whether bytes are still what they were, never whether somebody has forged them: that is
// SHA-256's.
#pragma once

#include <cstdint>

#include "base/encoding.hpp"

namespace calotype {

/// Of all bytes so far, where `before` is that of those that came before them.
std::uint32_t crc32c(ByteSpan bytes, std::uint32_t before = 0);

/// The same without the processor's instruction; for the test that compares the two.
std::uint32_t crc32c_by_table(ByteSpan bytes, std::uint32_t before = 0);

}  // namespace calotype
