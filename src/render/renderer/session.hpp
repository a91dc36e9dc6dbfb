// SPDX-License-Identifier: Apache-2.0
// A renderer's life: warm up, seal, answer until the server closes the socket.
#pragma once

#include "render/renderer/picture.hpp"

namespace calotype {

/// What the test renderer puts in the place of a decoder that has a bug. Empty in the real one.
struct DecoderHook {
  /// Called before a source is decoded for the task `id`, whose output is `output_fd`. True where
  /// it has answered the task itself.
  bool (*before_decode)(Bytes source, int socket, std::uint64_t id, int output_fd) = nullptr;
};

/// The whole of main.
int run_renderer(const DecoderHook& hook);

}  // namespace calotype
