# SPDX-License-Identifier: Apache-2.0
"""Bytes in. Large: one file of 2 GiB by a client that only calls sendfile, against hashing it and
against writing it durably, each with the file in the page cache. Small: many distinct files from 64
connections, each acknowledged durable, against as many written, fsynced and renamed one after
another. Memory: the server's resident bytes while 4 GiB stream through it."""

import os
import shutil
import statistics
import subprocess
import threading
import time

from measure import Figure, note
from subject import Server, run_json, status_bytes

MIB = 1 << 20
SMALL_BYTES = 64 << 10
SMALL_CONNECTIONS = 64


# ---- large --------------------------------------------------------------------------------------

def random_file(path, size):
    """Made once: the same bytes serve every run."""
    if path.exists() and path.stat().st_size == size:
        return
    note(f"making {path.name}, {size // MIB} MiB of random bytes")
    with open(path, "wb") as file:
        for _ in range(size // (4 * MIB)):
            file.write(os.urandom(4 * MIB))


def timed(*command):
    began = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def settle(file):
    """The same start for everybody: nothing left to write back, the file in the page cache."""
    os.sync()
    timed("cat", file)


def large_upload(bench, file, number):
    settings = {"http.io_threads": 2}
    with Server(bench.program, bench.folder / "large", settings) as server:
        settle(file)
        answer = run_json(bench.tool("upload_client"), "large", server.port, file)
        server.idle()
    note(f"upload-large: round {number + 1}: {answer['seconds']:.2f} s, of which the client's "
         f"processor {answer['client_processor_seconds']:.2f} s")
    return answer["seconds"]


def run_large(bench):
    size = (256 * MIB) if bench.quick else (2048 * MIB)
    file = bench.folder / f"random-{size // MIB}"
    random_file(file, size)
    copy = bench.folder / "dd-copy"
    rounds = bench.rounds(5)
    seconds = {"ours": [], "sha256sum": [], "dd": []}
    for number in range(rounds):
        runs = [("ours", lambda: large_upload(bench, file, number)),
                ("sha256sum", lambda: (settle(file), timed("sha256sum", file))[1]),
                ("dd", lambda: (settle(file),
                                timed("dd", f"if={file}", f"of={copy}", "bs=1M", "conv=fsync"))[1])]
        for name, measure in runs[number % 3:] + runs[:number % 3]:
            seconds[name].append(measure())
            copy.unlink(missing_ok=True)
    rates = {name: [size / MIB / value for value in values] for name, values in seconds.items()}
    slower = min(("sha256sum", "dd"), key=lambda name: statistics.median(rates[name]))
    label = {"sha256sum": "sha256sum", "dd": "dd conv=fsync"}[slower]
    return [Figure("upload-large", f"one upload of {size // MIB} MiB", "MiB/s", rates["ours"],
                   rates[slower], label, 0.7,
                   notes={"client": "sendfile over one connection", "MiB_per_second": rates})]


# ---- small --------------------------------------------------------------------------------------

def client_alone(bench, count):
    """What the client can do against a server that only reads: it must not be the limit."""
    sink = subprocess.Popen([bench.tool("upload_client"), "sink"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    try:
        port = sink.stdout.readline().strip()
        answer = run_json(bench.tool("upload_client"), "small", port, count, SMALL_BYTES,
                          SMALL_CONNECTIONS, 1)
    finally:
        sink.stdin.close()
        sink.wait(10)
    return count / answer["seconds"]


def small_reference(bench, count, seed):
    folder = bench.folder / "rounds" / f"sequential-{seed}"
    folder.mkdir(parents=True)
    os.sync()
    answer = run_json(bench.tool("sequential_writer"), folder, count, SMALL_BYTES, seed)
    return count / answer["seconds"]


def small_upload(bench, count, seed, details):
    folder = bench.folder / "rounds" / f"small-{seed}"
    with Server(bench.program, folder, keep=True) as server:
        os.sync()
        answer = run_json(bench.tool("upload_client"), "small", server.port, count, SMALL_BYTES,
                          SMALL_CONNECTIONS, seed)
        if answer["created"] != count:
            raise SystemExit(f"bench: {answer}")
        details.append(answer)
    return count / answer["seconds"]


def run_small(bench):
    count = 1_000 if bench.quick else 8_000
    alone = client_alone(bench, 20_000)
    ours, reference, details = [], [], []
    # Every round has new folders, and nothing is removed before the last: for a minute ext4 looks
    # past each inode that was removed lately whenever a file is made, which a round would pay for
    # the one before it.
    shutil.rmtree(bench.folder / "rounds", ignore_errors=True)
    for number in range(bench.rounds(5)):
        sides = [lambda: ours.append(small_upload(bench, count, 1000 + number, details)),
                 lambda: reference.append(small_reference(bench, count, number))]
        for side in sides if number % 2 == 0 else reversed(sides):
            side()
        note(f"upload-small: round {number + 1}: {ours[-1]:.0f}/s against {reference[-1]:.0f}/s")
    shutil.rmtree(bench.folder / "rounds")
    return [Figure("upload-small", f"64 KiB uploads, {SMALL_CONNECTIONS} clients", "uploads/s",
                   ours, reference, "write, fsync, rename, one by one", 3.0,
                   notes={"uploads_a_round": count, "client_alone_per_second": alone,
                          "rounds": details})]


# ---- memory -------------------------------------------------------------------------------------

class Watch(threading.Thread):
    """Samples the resident bytes of the server and of its renderers until told to stop."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.ended = threading.Event()
        self.server_most = 0
        self.renderers_most = 0

    def run(self):
        while not self.ended.wait(0.02):
            self.sample()

    def sample(self):
        self.server_most = max(self.server_most, status_bytes(self.server.process.pid, "VmRSS"))
        renderers = sum(status_bytes(pid, "VmRSS") for pid in self.server.children())
        self.renderers_most = max(self.renderers_most, renderers)


def run_memory(bench):
    size = (512 if bench.quick else 4096) * MIB
    growth, renderer_growth, seconds = [], [], []
    for number in range(1 if bench.quick else 2):
        with Server(bench.program, bench.folder / "memory") as server:
            server.idle()
            before = status_bytes(server.process.pid, "VmRSS")
            renderers_before = sum(status_bytes(pid, "VmRSS") for pid in server.children())
            watch = Watch(server)
            watch.start()
            answer = run_json(bench.tool("upload_client"), "generate", server.port, size,
                              7 + number)
            watch.ended.set()
            watch.join()
            most = max(watch.server_most, status_bytes(server.process.pid, "VmHWM"))
            growth.append((most - before) / MIB)
            renderer_growth.append((watch.renderers_most - renderers_before) / MIB)
            seconds.append(answer["seconds"])
            note(f"memory: {before / MIB:.1f} MiB before, {most / MIB:.1f} MiB at most; renderers "
                 f"{renderers_before / MIB:.1f} and {watch.renderers_most / MIB:.1f} MiB")
    return [Figure("memory", f"server memory while {size // MIB} MiB stream in", "MiB more",
                   growth, [], "before", 32.0, at_most=True,
                   notes={"renderers_MiB_more": renderer_growth, "seconds": seconds,
                          "method": "VmHWM at the end less VmRSS of the fresh server"})]
