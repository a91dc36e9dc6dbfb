# SPDX-License-Identifier: Apache-2.0
"""The program under measurement and the tools that measure it: started on loopback, on a free port,
with a fresh data folder on the file system that the references use too, and ended by its own id."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core):
    """For Popen: runs the child, and all that it starts, on one core; None leaves it alone."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


class Server:
    """`calotype serve` with a data folder of its own, which is removed at the end unless kept."""

    def __init__(self, program, folder, settings=None, core=None, arguments=(), keep=False):
        self.folder = Path(folder)
        self.keep = keep
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        command = [str(program), "serve", "--listen", f"127.0.0.1:{self.port}",
                   "--data", str(self.folder / "data"), *arguments]
        for key, value in (settings or {}).items():
            command += ["--set", f"{key}={value}"]
        self.log = open(self.folder / "log", "wb")
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("CALOTYPE_")}
        self.process = subprocess.Popen(command, cwd=self.folder, env=environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, preexec_fn=pinned(core))
        self.wait_until_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def wait_until_ready(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        said = (self.folder / "log").read_text(errors="replace")[-2000:]
        raise SystemExit(f"bench: the server did not become ready. It said:\n{said}")

    def request(self, method, target, body=None, headers=None):
        """(status, headers, bytes) over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def json(self, method, target, body=None, headers=None):
        status, _, content = self.request(method, target, body, headers)
        if status not in (200, 201):
            raise SystemExit(f"bench: {method} {target} answered {status}: {content[:500]!r}")
        return json.loads(content)

    def put(self, file):
        with open(file, "rb") as body:
            return self.json("POST", "/v1/assets", body,
                             {"Content-Length": str(os.path.getsize(file))})["id"]

    def put_inspected(self, files):
        """Uploads the files and waits until each is inspected; the assets as the API has them."""
        return [self.settled(name) for name in [self.put(file) for file in files]]

    def settled(self, name):
        """The asset as the API has it, once it is inspected."""
        deadline = time.monotonic() + 120
        while True:
            asset = self.json("GET", f"/v1/assets/{name}")
            if asset["state"] in ("METADATA_READY", "VARIANTS_READY"):
                return asset
            if asset["state"] == "METADATA_FAILED" or time.monotonic() > deadline:
                raise SystemExit(f"bench: {name} was not inspected: {asset}")
            time.sleep(0.02)

    def metric(self, name, **labels):
        """The sum of the samples of a metric that have these labels."""
        text = self.request("GET", "/metrics")[2].decode()
        total = 0.0
        for line in text.splitlines():
            match = re.match(r"([a-z_]+)(\{.*\})? (\S+)", line)
            if match and match[1] == name and all(
                    f'{key}="{value}"' in (match[2] or "") for key, value in labels.items()):
                total += float(match[3])
        return total

    def children(self):
        """The ids of the processes that it has started: its renderers."""
        found, left = [], [self.process.pid]
        while left:
            process = left.pop()
            for thread in Path(f"/proc/{process}/task").iterdir():
                try:
                    more = [int(word) for word in (thread / "children").read_text().split()]
                except OSError:
                    continue
                found += more
                left += more
        return found

    def idle(self, seconds=0.3):
        """Waits until it and its renderers have used no processor to speak of for a while."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            before = processor_seconds([self.process.pid, *self.children()])
            time.sleep(seconds)
            after = processor_seconds([self.process.pid, *self.children()])
            if after - before <= 0.05 * seconds:
                return


def processor_seconds(processes):
    total = 0
    for process in processes:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def status_bytes(process, key):
    """VmRSS, VmHWM, … of a process."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    match = re.search(rf"^{key}:\s+(\d+) kB", text, re.M)
    return int(match[1]) * 1024 if match else 0


class TaskTool:
    """A tool that takes groups of tasks on its input, as bench/task_groups.hpp says."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)

    def go(self, groups):
        """groups: lists of tasks, each a tuple of arguments. The answer, as a dictionary."""
        lines = []
        for group in groups:
            lines += ["\t".join(["task", *map(str, task)]) for task in group] + ["barrier"]
        self.process.stdin.write("\n".join([*lines, "go"]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if answer["failed"]:
            raise SystemExit(f"bench: {answer['failed']} of {answer['tasks']} failed: "
                             f"{answer['error']}")
        return answer


def run_json(*command, core=None):
    """Runs a tool that answers one line of JSON."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          preexec_fn=pinned(core))
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(map(str, command))} failed:\n"
                         f"{done.stdout}{done.stderr}")
    return json.loads(done.stdout)
