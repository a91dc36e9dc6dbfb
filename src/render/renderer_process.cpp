// SPDX-License-Identifier: Apache-2.0
#include "render/renderer_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <thread>
#include <vector>

#include "render/answers.hpp"

namespace calotype {
namespace {

/// What the child gets of our environment: nothing, but the sanitizers' settings in their builds.
std::vector<char*> child_environment() {
  std::vector<char*> environment;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (std::string_view(*entry).find("SAN_OPTIONS=") != std::string_view::npos)
      environment.push_back(*entry);
#endif
  environment.push_back(nullptr);
  return environment;
}

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawnattr_init(&attributes_);
    // What ends a service ends the server, which lets the pictures under way be finished.
    sigset_t blocked;
    ::sigemptyset(&blocked);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&blocked, signal);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &blocked);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    // A group of its own, so that a Ctrl-C meant for the server does not end it mid-picture.
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

Result<pid_t> spawn_program(const std::string& program, int socket) {
  FileActions actions;
  SpawnAttributes attributes;
  ::posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(actions.get(), 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), socket, wire::socket_fd);
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), wire::socket_fd + 1);
  std::string name = program;
  std::array<char*, 2> arguments = {name.data(), nullptr};
  auto environment = child_environment();
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), actions.get(), attributes.get(),
                                  arguments.data(), environment.data());
  if (error != 0)
    return fail_errno(ErrorCode::renderer_failed,
                      std::format("The renderer could not be started ({}).", program), error);
  return pid;
}

}  // namespace

std::string renderer_program(const RenderSettings& settings) {
  if (!settings.program.empty()) return settings.program;
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  return (own.parent_path() / "calotype-renderer").string();
}

std::uint64_t resident_bytes_of(pid_t pid) {
  const UniqueFd file(::open(std::format("/proc/{}/statm", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return 0;
  std::array<char, 128> text;
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  if (length <= 0) return 0;
  const std::string_view fields(text.data(), static_cast<std::size_t>(length));
  const auto space = fields.find(' ');
  if (space == std::string_view::npos) return 0;
  std::uint64_t pages = 0;
  std::from_chars(fields.data() + space + 1, fields.data() + fields.size(), pages);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<RendererProcess> RendererProcess::spawn(const RenderSettings& settings,
                                               const std::optional<FaceModel>& face_model) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return fail_errno(ErrorCode::renderer_failed, "The renderer could not be started.", errno);
  RendererProcess process;
  process.socket_ = UniqueFd(pair[0]);
  UniqueFd theirs(pair[1]);
  // dup2 onto itself would keep close-on-exec and lose the socket.
  if (theirs.get() == wire::socket_fd) {
    UniqueFd elsewhere(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, wire::socket_fd + 1));
    theirs = std::move(elsewhere);
  }
  TRY(process.pid_, spawn_program(renderer_program(settings), theirs.get()));
  TRY_VOID(wire::send(
      process.socket(), wire::Kind::configure,
      wire::Configure{settings.process_memory_max, settings.output_bytes_max,
                      settings.limits.input_pixels_max, face_model ? face_model->bytes.bytes : 0,
                      settings.limits.output_side_max, settings.sandbox ? 1U : 0U},
      {}, face_model ? face_model->bytes.file->get() : -1));
  return process;
}

Result<std::optional<std::string>> RendererProcess::wait_ready(std::chrono::milliseconds timeout) {
  pollfd waiting{socket(), POLLIN, 0};
  const int count = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
  if (count < 0 && errno != EINTR)
    return fail_errno(ErrorCode::renderer_failed, "The renderer could not be waited for.", errno);
  if (count <= 0) return std::nullopt;
  auto answer = wire::receive(socket(), false, false);
  if (!answer) {
    const Death death = end();
    return fail(ErrorCode::renderer_failed, "The renderer ends as soon as it is started.",
                std::format("{} {}", death.exited ? "exit" : "signal", death.code_or_signal));
  }
  if (!*answer) return std::nullopt;
  const wire::Message& message = **answer;
  if (message.kind() == wire::Kind::failed) {
    const auto body = message.body_as<wire::Failed>();
    if (body && body->status == wire::Status::model_unusable)
      return std::unexpected(error_of(*body, message.text()));
    return fail(ErrorCode::sandbox_unavailable, printable(message.text()));
  }
  if (message.kind() != wire::Kind::ready)
    return fail(ErrorCode::renderer_failed, "The renderer sent nonsense.", "not ready");
  resident_at_start_ = resident_bytes();
  return printable(message.text());
}

std::uint64_t RendererProcess::resident_bytes() const {
  return resident_bytes_of(pid_);
}

std::uint64_t RendererProcess::growth() const {
  const std::uint64_t now = resident_bytes();
  return now > resident_at_start_ ? now - resident_at_start_ : 0;
}

bool RendererProcess::has_hung_up() const {
  pollfd gone{socket(), 0, 0};
  return ::poll(&gone, 1, 0) > 0 && (gone.revents & (POLLHUP | POLLERR)) != 0;
}

RendererProcess::Death RendererProcess::end(std::chrono::milliseconds grace) {
  Death death;
  if (pid_ < 0) return death;
  const auto is_dead = [&] {
    siginfo_t facts{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &facts, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           facts.si_pid == pid_;
  };
  const auto until = std::chrono::steady_clock::now() + grace;
  bool dead = is_dead();
  while (!dead && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    dead = is_dead();
  }
  socket_.reset();
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  death.exited = WIFEXITED(status);
  death.code_or_signal = death.exited ? WEXITSTATUS(status) : WTERMSIG(status);
  death.killed_here = !dead && !death.exited && death.code_or_signal == SIGKILL;
  return death;
}

RendererProcess::~RendererProcess() {
  end();
}

RendererProcess::RendererProcess(RendererProcess&& other) noexcept
    : renders(other.renders),
      pid_(std::exchange(other.pid_, -1)),
      socket_(std::move(other.socket_)),
      resident_at_start_(other.resident_at_start_) {}

RendererProcess& RendererProcess::operator=(RendererProcess&& other) noexcept {
  if (this != &other) {
    end();
    renders = other.renders;
    pid_ = std::exchange(other.pid_, -1);
    socket_ = std::move(other.socket_);
    resident_at_start_ = other.resident_at_start_;
  }
  return *this;
}

}  // namespace calotype
