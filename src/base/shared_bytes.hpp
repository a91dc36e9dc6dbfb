// SPDX-License-Identifier: Apache-2.0
// Bytes in memory that several readers send at once (a response, the store, the hot index).
#pragma once

#include <memory>
#include <string>

namespace calotype {

using SharedBytes = std::shared_ptr<const std::string>;

}  // namespace calotype
