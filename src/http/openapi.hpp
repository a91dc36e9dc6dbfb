// SPDX-License-Identifier: Apache-2.0
// The API's contract, as OpenAPI 3.1 (openapi.json, built into the program).
#pragma once

#include <string_view>

namespace calotype {

std::string_view openapi_document();

}  // namespace calotype
