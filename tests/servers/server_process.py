# SPDX-License-Identifier: Apache-2.0
"""One server of somebody else's (PostgreSQL, Redis, …) that a test needs: on loopback, with its
data in a folder of its own, started, killed, paused and started again by its process id.

It ends with whoever started it, however that ends: the kernel sends it a signal then
(PR_SET_PDEATHSIG). The kernel means the starting *thread*, so start it from one that stays. Data of
a run that was killed is removed by the next run (see all_servers.py)."""

import ctypes
import os
import pwd
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
# Below the kernel's range for outgoing connections: no client can sit on the port of a server that
# is down for a moment.
PORTS = range(20_000, 32_000)
CLAIMS = []  # for as long as this process lives, an abstract socket named after each port it gave
LIBC = ctypes.CDLL(None, use_errno=True)


def free_port():
    """Never the same again, here or elsewhere: who was given one may not listen on it yet."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                claim.bind(f"\0calotype-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        CLAIMS.append(claim)
        return port


def unprivileged():
    """Options for subprocess: PostgreSQL and PgBouncer refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def give(folder):
    """Hands a folder to the user that the servers run as."""
    if options := unprivileged():
        os.chown(folder, options["user"], options["group"])


def let_in(folder):
    """Lets the user that the servers run as through to what is in one of the tests' own folders."""
    if unprivileged():
        for part in (folder, *folder.parents[:3]):
            part.chmod(part.stat().st_mode | 0o711)


def children_of(pid):
    """Every process that it has started, and those that these have started."""
    found, left = [], [pid]
    while left:
        for thread in Path(f"/proc/{left.pop()}/task").glob("*/children"):
            try:
                more = [int(word) for word in thread.read_text().split()]
            except OSError:
                continue
            found += more
            left += more
    return found


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class ServerProcess:
    """Subclasses say how: `prepare` once, `command`, `answers`, and which signals end it."""

    name = "server"
    stop_signal = signal.SIGTERM
    orphan_signal = signal.SIGKILL

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        give(self.folder)
        self.port = free_port()
        self.process = None

    # ---- what a subclass says -------------------------------------------------------------------

    def prepare(self):
        """Makes what it needs before its first start; any thread."""

    def command(self):
        raise NotImplementedError

    def answers(self):
        """Whether it serves."""
        return self.accepts()

    def started(self):
        """After the first start."""

    # ---- what a test does -----------------------------------------------------------------------

    def start(self, wait=30):
        self.prepare()
        self.launch()
        self.ready(wait)
        self.started()
        return self

    def launch(self):
        assert self.process is None, f"{self.name} runs"

        def end_with_parent():
            LIBC.prctl(PR_SET_PDEATHSIG, self.orphan_signal, 0, 0, 0)

        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()], cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, preexec_fn=end_with_parent,
                start_new_session=True, **unprivileged())

    def ready(self, wait=30):
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.answers():
                return
            time.sleep(0.02)
        raise AssertionError(f"{self.name} does not answer; it said:\n{self.log()[-3000:]}")

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def run(self, *command, wait=60, **options):
        """A tool of the server's, as its user."""
        done = subprocess.run([str(word) for word in command], cwd=self.folder, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=wait, **unprivileged(), **options)
        if done.returncode != 0:
            raise AssertionError(f"{command[0]} failed:\n{done.stdout[-3000:]}")
        return done.stdout

    def stop(self, wait=10):
        """As an operator would; killed where that takes too long."""
        if self.process is None:
            return
        send(self.process.pid, signal.SIGCONT)
        send(self.process.pid, self.stop_signal)
        try:
            self.process.wait(wait)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self):
        """SIGKILL to it and its children at the same instant; returns when all are gone."""
        if self.process is None:
            return
        pids = [self.process.pid, *children_of(self.process.pid)]
        for pid in pids:
            send(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        deadline = time.monotonic() + 10
        while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.005)

    def restart(self, wait=30):
        """Starts what was stopped or killed, on the same port and data."""
        self.launch()
        self.ready(wait)

    def pause(self):
        for pid in [self.process.pid, *children_of(self.process.pid)]:
            send(pid, signal.SIGSTOP)

    def resume(self):
        for pid in [*children_of(self.process.pid), self.process.pid]:
            send(pid, signal.SIGCONT)
