// SPDX-License-Identifier: Apache-2.0
// Where pictures are made: a few sandboxed processes, and the bounded queue before them. Requests
// for outputs of the same source that are queued together, or that arrive while one of them is
// being made, share one decode. A process that crashes, hangs or runs over a limit costs the one
// output it was making; the others of its batch are tried once more, each alone, in a fresh
// process.
//
// Everything here may be called from any thread, and blocks unless it says otherwise.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "asset/fingerprint.hpp"
#include "asset/media.hpp"
#include "asset/plan.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace calotype {

/// Served in this order. When the queue is full, what is of a later class makes room.
enum class RenderClass : std::uint8_t { waiting, prewarm, upkeep };

struct RenderSettings {
  std::string program;  // the renderer's executable; empty: calotype-renderer beside our own
  int processes = 0;    // 0: as many as the machine has cores
  bool sandbox = true;  // false only by the operator's word
  std::uint64_t process_memory_max = 1ULL << 30;
  std::chrono::milliseconds render_timeout{20'000};  // for one output, its decode included
  std::chrono::milliseconds inspect_timeout{30'000};
  int renders_per_process = 2'000;                  // then it is replaced
  std::uint64_t process_growth_max = 256ULL << 20;  // resident bytes above those at its start
  int queue_max = 256;                              // requests waiting
  std::uint64_t queue_bytes_max = 8ULL << 30;       // the sum of their estimates
  RenderLimits limits;
  std::uint64_t output_bytes_max = 64ULL << 20;
  std::string face_model;  // an ONNX file that finds faces; empty: nothing does

  /// bad_config, naming the setting.
  Result<void> validate() const;
};

/// Read from offset 0, with mmap; the file must not shrink. shared_ptr because requests that wait
/// and a renderer that reads may outlive the caller that gave up.
struct SourceBytes {
  std::shared_ptr<const UniqueFd> file;
  std::uint64_t bytes = 0;
};

struct RenderRequest {
  std::string batch_key;  // the same key means the same source bytes
  SourceBytes source;
  std::optional<SourceBytes> overlay;  // the plan's watermark
  RenderPlan plan;
  std::uint64_t estimated_bytes = 0;
  RenderClass render_class = RenderClass::waiting;
  std::chrono::steady_clock::time_point deadline;
};

struct RenderedPicture {
  std::string bytes;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

struct ProofPicture {
  std::string bytes;  // JPEG, sRGB, upright
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

struct Inspection {
  MediaInfo media;
  std::optional<ProofPicture> proof;       // none for pictures with alpha or hardly larger than it
  std::optional<Fingerprint> fingerprint;  // of a picture that is one page or frame
};

struct ProcessMemory {
  pid_t pid = 0;
  std::uint64_t resident_bytes = 0;
};

struct QueueDepth {
  int waiting = 0;                  // requests not begun
  int running = 0;                  // outputs being made
  std::uint64_t waiting_bytes = 0;  // the sum of estimates
};

class RendererPool {
 public:
  /// Starts the processes and waits until each is sealed. sandbox_unavailable, bad_config (a face
  /// model that cannot be used),
  /// renderer_failed (no executable, or it dies at start).
  static Result<std::unique_ptr<RendererPool>> start(const RenderSettings& settings);
  /// Ends the processes; whoever still waits gets `cancelled`. No call may begin any more.
  ~RendererPool();
  RendererPool(const RendererPool&) = delete;
  RendererPool& operator=(const RendererPool&) = delete;

  /// The encoded bytes. not_renderable (with the decoder's reason), limit_exceeded (naming the
  /// setting), renderer_failed (the picture crashed it), renderer_lost (it was ended from outside),
  /// overloaded (queue full, or the deadline out of reach), timeout, cancelled.
  Result<RenderedPicture> render(const RenderRequest& request, const std::stop_token& stop);

  /// What the bytes are. Bytes that are no image we decode are no error: renderable is false. A
  /// damaged image is not_renderable; otherwise as render.
  Result<Inspection> inspect(const SourceBytes& source,
                             std::chrono::steady_clock::time_point deadline,
                             const std::stop_token& stop);

  /// Renders a pixel, ahead of the queue; an error says that pictures cannot be made now.
  Result<void> probe(std::chrono::steady_clock::time_point deadline);

  /// Does not block.
  std::vector<ProcessMemory> memory() const;
  QueueDepth depth() const;
  /// Changes when the pixels or the bytes that it makes may.
  std::string_view version() const;
  /// Changes when faces may be found elsewhere in the same picture; empty where nothing finds them,
  /// and a plan whose gravity does is refused.
  std::string_view face_model() const;

 private:
  struct State;
  explicit RendererPool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace calotype
