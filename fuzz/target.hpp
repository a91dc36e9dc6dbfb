// SPDX-License-Identifier: Apache-2.0
// One fuzz target a file: `FUZZ_TARGET(recipe) { … bytes … }`. With CALOTYPE_FUZZ each is a
// libFuzzer program; in the ordinary build all of them go into fuzz_replay_test, which feeds each
// its corpus. A target checks what must hold for any bytes with `require`, which stops the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"

#ifdef CALOTYPE_FUZZ
#define FUZZ_TARGET(name)                                                             \
  static void fuzz_##name(std::string_view bytes);                                    \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    fuzz_##name({reinterpret_cast<const char*>(data), size});                         \
    return 0;                                                                         \
  }                                                                                   \
  static void fuzz_##name(std::string_view bytes)
#else
namespace calotype::fuzz {
/// Keeps the target for the replay; at namespace scope only.
struct Registration {
  Registration(std::string_view name, void (*run)(std::string_view bytes));
};
}  // namespace calotype::fuzz
#define FUZZ_TARGET(name)                                                              \
  static void fuzz_##name(std::string_view bytes);                                     \
  static const ::calotype::fuzz::Registration registration_##name{#name, fuzz_##name}; \
  static void fuzz_##name(std::string_view bytes)
#endif
