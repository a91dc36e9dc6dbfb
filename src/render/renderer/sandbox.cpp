// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/sandbox.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <format>
#include <vector>

#include "base/unique_fd.hpp"
#include "render/wire.hpp"

namespace calotype {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // reserves terabytes of addresses, reads its own maps
#else
constexpr bool sanitized = false;
#endif

std::unexpected<std::string> lacks(const char* what, int error) {
  return std::unexpected(
      std::format("The renderer cannot be sandboxed on this machine: {} ({}). Set render.sandbox = "
                  "\"off\" only "
                  "if you trust every file that comes in.",
                  what, std::strerror(error)));
}

void set_limit(int resource, std::uint64_t value) {
  const rlimit limit{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

// ---- Landlock ----

std::uint64_t file_rights(long abi) {
  std::uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // ABI 1: all up to this
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
  if (abi >= 5) rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
  return rights;
}

/// Nothing allowed, everything that this kernel's Landlock knows handled.
std::expected<UniqueFd, std::string> make_ruleset() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return lacks("its kernel has no Landlock", errno);
  landlock_ruleset_attr rules{};
  rules.handled_access_fs = file_rights(abi);
  if (abi >= 4)
    rules.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
  if (abi >= 6) rules.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
  const std::size_t size = abi >= 6   ? sizeof rules
                           : abi >= 4 ? offsetof(landlock_ruleset_attr, scoped)
                                      : offsetof(landlock_ruleset_attr, handled_access_net);
  UniqueFd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size, 0)));
  if (!ruleset) return lacks("Landlock refuses a rule set", errno);
  return ruleset;
}

// ---- what holds for one thread only, done on every thread ----

// Landlock, capabilities and no_new_privs belong to a thread, and the libraries have started some
// while they warmed up. As in libpsx: each is interrupted, and does it to itself in the handler,
// which is nothing but system calls.
std::atomic<int> ruleset_for_threads{-1};
std::atomic<int> threads_restricted{0};
std::atomic<int> threads_failed{0};

/// Root's powers go too: no file right, no network, no ptrace comes back through them.
bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return ::syscall(SYS_capset, &header, none) == 0;
}

void restrict_this_thread(int) {
  const int saved = errno;
  const bool done = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && drop_capabilities() &&
                    ::syscall(SYS_landlock_restrict_self, ruleset_for_threads.load(), 0) == 0;
  (done ? threads_restricted : threads_failed).fetch_add(1);
  errno = saved;
}

std::vector<pid_t> threads() {
  std::vector<pid_t> ids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error))
    ids.push_back(static_cast<pid_t>(std::atol(entry.path().filename().c_str())));
  return ids;
}

// ---- seccomp ----

constexpr int allowed_calls[] = {
    // memory
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    // descriptors it has
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(ftruncate),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    // threads and time
    SCMP_SYS(futex),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom),
    SCMP_SYS(getcpu),
    // signals: its own handlers
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
};

struct Refusal {
  int call;
  int error;
};
// Libraries try these and go on without.
constexpr Refusal refused_calls[] = {
    {SCMP_SYS(open), EACCES},
    {SCMP_SYS(openat), EACCES},
    {SCMP_SYS(openat2), EACCES},
    {SCMP_SYS(stat), EACCES},
    {SCMP_SYS(lstat), EACCES},
    {SCMP_SYS(newfstatat), EACCES},
    {SCMP_SYS(statx), EACCES},
    {SCMP_SYS(access), EACCES},
    {SCMP_SYS(faccessat), EACCES},
    {SCMP_SYS(faccessat2), EACCES},
    {SCMP_SYS(readlink), EACCES},
    {SCMP_SYS(readlinkat), EACCES},
    {SCMP_SYS(getcwd), EACCES},
    {SCMP_SYS(getpeername), ENOTSOCK},
    {SCMP_SYS(getsockname), ENOTSOCK},
    {SCMP_SYS(clone3), ENOSYS},
    {SCMP_SYS(ioctl), ENOTTY},
    {SCMP_SYS(unlink), EACCES},
    {SCMP_SYS(sched_setaffinity), EPERM},
    {SCMP_SYS(sched_setscheduler), EPERM},
    {SCMP_SYS(setpriority), EPERM},
};

/// Those whose arguments decide.
int add_conditional_rules(scmp_filter_ctx filter) {
  const auto allow = SCMP_ACT_ALLOW;
  int failed = 0;
  // Memory is never executable: what is written cannot be run.
  failed |=
      seccomp_rule_add(filter, allow, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  // Threads, never processes.
  constexpr unsigned thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
  constexpr unsigned namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                  CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, thread | namespaces, thread));
  // Its own threads, for abort().
  const auto self = static_cast<scmp_datum_t>(::getpid());
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, self));
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(PR_SET_VMA)));
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL));
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFD));
  // Fonts are handed out as duplicates of descriptors that are open (fonts.cpp).
  failed |=
      seccomp_rule_add(filter, allow, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_DUPFD_CLOEXEC));
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_SETFD));
  // Limits are read, never set.
  failed |= seccomp_rule_add(filter, allow, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
  if constexpr (sanitized) {
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 0);
    // UBSan asks a pipe whether memory can be read, the first time it sees a class.
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pipe2), 0);
  }
  return failed;
}

}  // namespace

/// A thread that is born meanwhile is born of one already restricted, or is found by the next
/// round.
std::expected<void, std::string> restrict_threads() {
  auto ruleset = make_ruleset();
  if (!ruleset) return std::unexpected(ruleset.error());
  ruleset_for_threads = ruleset->get();
  const int signal = SIGRTMAX;
  struct sigaction action{};
  action.sa_handler = restrict_this_thread;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
  std::vector<pid_t> done;
  for (bool found = true; found;) {
    found = false;
    for (const pid_t id : threads()) {
      if (std::ranges::contains(done, id)) continue;
      found = true;
      done.push_back(id);
      const int before = threads_restricted + threads_failed;
      if (::syscall(SYS_tgkill, ::getpid(), id, signal) != 0) continue;  // has ended
      for (int i = 0; threads_restricted + threads_failed == before; ++i) {
        if (i == 5'000) break;
        ::usleep(200);
        if (::syscall(SYS_tgkill, ::getpid(), id, 0) != 0) break;
      }
      if (threads_failed > 0) return lacks("Landlock refuses to restrict", EPERM);
    }
  }
  ::signal(signal, SIG_IGN);
  if (threads_restricted == 0) return lacks("its threads cannot be restricted", ESRCH);
  return {};
}

std::expected<void, std::string> filter_calls() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (filter == nullptr) return lacks("libseccomp does not start", ENOMEM);
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);     // the threads that libraries started, too
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree: the check stays cheap
  int failed = 0;
  for (const int call : allowed_calls) failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
  for (const auto& [call, error] : refused_calls)
    failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call, 0);
  failed |= add_conditional_rules(filter);
  const int loaded = failed != 0 ? failed : seccomp_load(filter);
  seccomp_release(filter);
  if (loaded != 0) return lacks("its kernel takes no seccomp filter", -loaded);
  return {};
}

void settle_in() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::close_range(wire::socket_fd + 1, ~0U, 0);
  ::clearenv();
  ::signal(SIGXFSZ, SIG_IGN);  // too long an output is an error of write
  set_limit(RLIMIT_CORE, 0);
  // Buffers of a picture come and go with every render: keep them mapped instead of paying the
  // kernel to clear them anew each time.
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 96 << 20);
}

void limit_resources(const SealLimits& limits) {
  set_limit(RLIMIT_NOFILE, 64);
  set_limit(RLIMIT_FSIZE, limits.output_bytes_max);
  set_limit(RLIMIT_MEMLOCK, 0);
  set_limit(RLIMIT_MSGQUEUE, 0);
  // The server watches resident memory; this wall stands a little further out and stops the sudden.
  if (!sanitized) set_limit(RLIMIT_DATA, limits.memory_max + limits.memory_max / 4);
}

/// Decoders tell standard error what they think of a file, which is whoever sent it to write into
/// the server's log. What is worth knowing is told over the socket.
void silence() {
  if (sanitized) return;
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (nowhere) ::dup2(nowhere.get(), fd);
}

std::expected<void, std::string> seal() {
  ::prctl(PR_SET_DUMPABLE, 0);
  if (auto done = restrict_threads(); !done) return done;
  return filter_calls();
}

}  // namespace calotype
