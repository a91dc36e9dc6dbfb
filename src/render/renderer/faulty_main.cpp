// SPDX-License-Identifier: Apache-2.0
// calotype-renderer-faulty: the renderer with a decoder that has been taken over. A picture that
// carries "calotype-fault:NAME" in its first 4 KiB makes it do what NAME says, behind the very
// walls of the real one; any other picture is made as ever. For tests only; never installed.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <format>
#include <map>
#include <string>
#include <string_view>

#include "render/renderer/session.hpp"

namespace calotype {
namespace {

struct Victim {
  int socket;
  std::uint64_t id;
  int output_fd;

  /// Ends the task, saying what came of the attempt.
  void tell(std::string_view what) const {
    (void)wire::send(socket, wire::Kind::failed, wire::Failed{id, wire::Status::damaged, 0}, what);
  }
  void tell_result(std::string_view call, long result) const {
    tell(result >= 0 ? std::format("{} succeeded", call)
                     : std::format("{} refused: {}", call, std::strerror(errno)));
  }
};

void loop(const Victim&) {
  for (volatile bool forever = true; forever;) {
  }
}

void crash(const Victim&) {
  ::raise(SIGSEGV);
}

void allocate(const Victim&) {
  for (;;) {
    constexpr std::size_t step = 16 << 20;
    auto* more = new char[step];
    std::memset(more, 1, step);
  }
}

void open_file(const Victim& victim) {
  victim.tell_result("open", ::open("/etc/passwd", O_RDONLY));
}
void write_file(const Victim& victim) {
  victim.tell_result("open", ::open("/tmp/calotype-escaped", O_WRONLY | O_CREAT, 0600));
}
void open_socket(const Victim& victim) {
  victim.tell_result("socket", ::socket(AF_INET, SOCK_STREAM, 0));
}
void execute(const Victim& victim) {
  char name[] = "/bin/true";
  char* arguments[] = {name, nullptr};
  char* environment[] = {nullptr};
  victim.tell_result("exec", ::execve(name, arguments, environment));
}
void make_process(const Victim& victim) {
  victim.tell_result("fork", ::fork());
}
void signal_parent(const Victim& victim) {
  victim.tell_result("kill", ::kill(::getppid(), 0));
}
void trace_parent(const Victim& victim) {
  victim.tell_result("ptrace", ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr));
}
void map_executable(const Victim& victim) {
  const void* memory = ::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE | PROT_EXEC,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  victim.tell_result("mmap", memory == MAP_FAILED ? -1 : 0);
}
void raise_limits(const Victim& victim) {
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  victim.tell_result("setrlimit", ::setrlimit(RLIMIT_DATA, &none));
}

void write_without_end(const Victim& victim) {
  const std::string block(1 << 20, 'x');
  while (::write(victim.output_fd, block.data(), block.size()) > 0) {
  }
  (void)wire::send(victim.socket, wire::Kind::failed,
                   wire::Failed{victim.id, wire::Status::output_bytes_max, 0}, "");
}
void forge_huge(const Victim& victim) {
  (void)wire::send(victim.socket, wire::Kind::made, wire::Made{victim.id, 1ULL << 50, 1, 1});
}
void forge_short(const Victim& victim) {
  (void)wire::send(victim.socket, wire::Kind::made, wire::Made{victim.id, 100'000, 1, 1});
}
void forge_other(const Victim& victim) {
  (void)wire::send(victim.socket, wire::Kind::made, wire::Made{victim.id + 12'345, 0, 1, 1});
}
void forge_inspection(const Victim& victim) {
  wire::Inspected answer{};
  answer.id = victim.id;
  answer.metadata_bytes = 0xffff'ffff;
  answer.proof_bytes = 0xffff'ffff;
  (void)wire::send(victim.socket, wire::Kind::inspected, answer);
}
void forge_metadata(const Victim& victim) {
  constexpr std::string_view content = "image/png{\"exif\":";
  wire::Inspected answer{};
  answer.id = victim.id;
  answer.media_type_bytes = 9;
  answer.metadata_bytes = 8;
  answer.orientation = 1;
  [[maybe_unused]] const auto n = ::pwrite(victim.output_fd, content.data(), content.size(), 0);
  (void)wire::send(victim.socket, wire::Kind::inspected, answer);
}
void send_nonsense(const Victim& victim) {
  char nonsense[64];
  std::memset(nonsense, 0x5a, sizeof nonsense);
  msghdr message{};
  iovec part{nonsense, sizeof nonsense};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ::sendmsg(victim.socket, &message, 0);
  loop(victim);
}
void send_descriptors(const Victim& victim) {
  (void)wire::send(victim.socket, wire::Kind::failed,
                   wire::Failed{victim.id, wire::Status::damaged, 0}, "descriptor sent",
                   victim.output_fd);
}
void close_socket(const Victim& victim) {
  ::close(victim.socket);
  loop(victim);
}

using Fault = void (*)(const Victim&);
const std::map<std::string_view, Fault> faults = {
    {"crash", crash},
    {"loop", loop},
    {"allocate", allocate},
    {"open", open_file},
    {"write-file", write_file},
    {"socket", open_socket},
    {"exec", execute},
    {"fork", make_process},
    {"kill", signal_parent},
    {"ptrace", trace_parent},
    {"map-executable", map_executable},
    {"raise-limits", raise_limits},
    {"slow-output", write_without_end},
    {"forge-huge", forge_huge},
    {"forge-short", forge_short},
    {"forge-other", forge_other},
    {"forge-inspection", forge_inspection},
    {"forge-metadata", forge_metadata},
    {"nonsense", send_nonsense},
    {"descriptors", send_descriptors},
    {"close", close_socket},
};

/// True where the task has been answered, truly or not.
bool misbehave(Bytes source, int socket, std::uint64_t id, int output_fd) {
  constexpr std::string_view marker = "calotype-fault:";
  const std::string_view text(reinterpret_cast<const char*>(source.data()),
                              std::min<std::size_t>(source.size(), 4'096));
  const auto found = text.find(marker);
  if (found == std::string_view::npos) return false;
  const std::string_view rest = text.substr(found + marker.size());
  const auto length = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz-");
  const auto fault = faults.find(rest.substr(0, length));
  if (fault == faults.end()) return false;
  fault->second({socket, id, output_fd});
  return true;
}

}  // namespace
}  // namespace calotype

int main() {
  return calotype::run_renderer({calotype::misbehave});
}
