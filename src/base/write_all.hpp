// SPDX-License-Identifier: Apache-2.0
// Bytes into a descriptor that blocks: a file, a file in memory, standard output.
#pragma once

#include "base/encoding.hpp"

namespace calotype {

/// False where not all could be written; errno says why.
bool write_all(int fd, ByteSpan bytes);

}  // namespace calotype
