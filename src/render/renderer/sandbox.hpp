// SPDX-License-Identifier: Apache-2.0
// Seals the process, for good: from then on it can compute, use memory up to its limit, and read
// and write the descriptors that it has or is handed. Three walls stand behind one another:
// Landlock (no file, no TCP port, no abstract socket, no signal to others), a seccomp allow-list
// (anything else kills the process; opening a file merely fails, because libraries try), and
// resource limits.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace calotype {

struct SealLimits {
  std::uint64_t memory_max = 0;
  std::uint64_t output_bytes_max = 0;
};

/// Dies with its parent, leaves no core file, has no environment and no open files but the first
/// four. Before libraries start threads.
void settle_in();
/// Resource limits: with and without a sandbox.
void limit_resources(const SealLimits& limits);
/// Nobody reads what libraries say of a file from here on.
void silence();
/// Both walls, or in plain words what this machine lacks.
std::expected<void, std::string> seal();
/// The first wall alone: Landlock, no capabilities and no_new_privs, on every thread.
std::expected<void, std::string> restrict_threads();
/// The second wall alone: the allow-list of system calls, on every thread.
std::expected<void, std::string> filter_calls();

}  // namespace calotype
