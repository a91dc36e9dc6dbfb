// SPDX-License-Identifier: Apache-2.0
// What a renderer says is not believed: it has read bytes from strangers, and may be theirs by now.
// Every number is held against what the server knows, every text is made harmless, and the bytes
// are copied out of the output that the server made, so that they cannot change afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "render/renderer_pool.hpp"
#include "render/wire.hpp"

namespace calotype {

/// An empty memfd for a renderer to write to.
Result<UniqueFd> make_output();
/// Those bytes in a memfd that is open for reading only.
Result<SourceBytes> in_memory(std::string_view content);

/// Exactly `bytes` bytes of the output; renderer_failed where it has fewer or more are claimed than
/// `bytes_max`.
Result<std::string> read_output(const UniqueFd& output, std::uint64_t bytes,
                                std::uint64_t bytes_max);

/// renderer_failed where a field cannot be what an honest renderer says.
Result<Inspection> read_inspection(const UniqueFd& output, const wire::Inspected& answer);

/// The error that an honest renderer reports, in its caller's terms.
Error error_of(const wire::Failed& answer, std::string_view text);

/// At most 300 bytes of valid UTF-8 without control characters.
std::string printable(std::string_view text);

}  // namespace calotype
