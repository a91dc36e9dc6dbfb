// SPDX-License-Identifier: Apache-2.0
// One renderer process, as the server sees it: started, told its limits, waited for, looked at and
// killed. It is a child of the thread that starts it and dies with that thread (PR_SET_PDEATHSIG),
// so the thread that starts a renderer is the one that drives it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "render/face_model.hpp"
#include "render/renderer_pool.hpp"
#include "render/wire.hpp"

namespace calotype {

class RendererProcess {
 public:
  /// Starts the program and sends it its configuration; does not wait for it to be ready.
  static Result<RendererProcess> spawn(const RenderSettings& settings,
                                       const std::optional<FaceModel>& face_model);
  /// Kills it, if it still runs, and reaps it.
  ~RendererProcess();
  RendererProcess(RendererProcess&& other) noexcept;
  RendererProcess& operator=(RendererProcess&& other) noexcept;

  /// Waits until it is sealed: its version, or nothing where the time is not enough.
  Result<std::optional<std::string>> wait_ready(std::chrono::milliseconds timeout);

  int socket() const { return socket_.get(); }
  pid_t pid() const { return pid_; }
  std::uint64_t resident_bytes() const;
  /// Resident bytes above those when it became ready.
  std::uint64_t growth() const;

  /// The socket is closed at the other end: it has died, is dying, or has shut us out.
  bool has_hung_up() const;

  /// What it died of: its own exit or signal where it was dead before it was killed here.
  struct Death {
    bool exited = false;
    int code_or_signal = 0;
    bool killed_here = false;  // it lived until it was killed
  };
  /// Lets it die by itself for so long, then kills it; reaps it.
  Death end(std::chrono::milliseconds grace = {});

  int renders = 0;  // outputs asked of it so far

 private:
  RendererProcess() = default;

  pid_t pid_ = -1;
  UniqueFd socket_;
  std::uint64_t resident_at_start_ = 0;
};

/// Resident bytes of a process, 0 where it has gone.
std::uint64_t resident_bytes_of(pid_t pid);
/// settings.program, or calotype-renderer beside the running executable.
std::string renderer_program(const RenderSettings& settings);

}  // namespace calotype
