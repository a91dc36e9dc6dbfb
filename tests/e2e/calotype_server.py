# SPDX-License-Identifier: Apache-2.0
"""The real program, started on a free loopback port with a data folder of its own, and what a test
says to it. A Server can be stopped, killed as a power cut would, and started again on its data."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import requests
from picture_files import decoded
from server_process import children_of, free_port

CHECKOUT = Path(__file__).resolve().parents[2]
# What is tested; a sanitizer's build is slower, and keeps memory that was freed.
RELEASE = os.environ.get("CALOTYPE_PRESET", "release") == "release"


def find_program():
    """CALOTYPE_BIN, as `./dev test` sets it; otherwise the newest that is built here."""
    if "CALOTYPE_BIN" in os.environ:
        return Path(os.environ["CALOTYPE_BIN"])
    built = [CHECKOUT / "build" / preset / "bin/calotype" for preset in ("debug", "release")]
    built = [program for program in built if program.exists()]
    assert built, "set CALOTYPE_BIN, or run the suite by ./dev test"
    return max(built, key=lambda program: program.stat().st_mtime)


def plain_environment(**more):
    """Ours, without settings that the developer's shell may have."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CALOTYPE_")}
    return kept | more


class Server:
    def __init__(self, folder, settings=None, environment=None, program=None):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.settings = dict(settings or {})
        self.environment = environment or {}
        self.program = Path(program or find_program())
        self.port = free_port()
        self.more = []  # arguments
        self.session = requests.Session()
        self.session.trust_env = False
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # ---- the process ----------------------------------------------------------------------------

    def start(self, wait=30):
        """Returns when it is ready; a server that dies before fails the test with what it said."""
        self.launch()
        return self.ready(wait)

    def arguments(self):
        return ["serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]

    def launch(self):
        """Begins to start."""
        command = [str(self.program), *self.arguments(), *self.more]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, env=plain_environment(**self.environment))

    def ready(self, wait=30):
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if requests.get(self.url + "/readyz", timeout=2).status_code == 200:
                    return self
            except requests.RequestException:
                pass
            time.sleep(0.01)
        raise AssertionError(f"the server is not ready; it said:\n{self.log()[-3000:]}")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self, wait=30):
        """SIGTERM, as an operator would; the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(wait)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not stop at SIGTERM") from None
        self.process = None
        self.session.close()
        return code

    def kill(self):
        """SIGKILL to the server and its renderers at the same instant."""
        if self.process is None:
            return
        # The server first: it has nothing to say about the death of its renderers.
        for process in [self.process.pid, *children_of(self.process.pid)]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None
        self.session.close()

    def pids(self):
        """Of the processes that answer HTTP."""
        return [self.process.pid]

    def catalog_options(self):
        """For a command that goes to the catalog itself."""
        return ["--data", str(self.data)]

    def state(self):
        """What is kept, beside the program (stacks.py)."""
        from stacks import FolderState
        return FolderState(self.data)

    # ---- what is said to it ---------------------------------------------------------------------

    def get(self, target, **options):
        return self.session.get(self.url + target, **{"timeout": 60} | options)

    def post(self, target, **options):
        return self.session.post(self.url + target, **{"timeout": 60} | options)

    def delete(self, target, **options):
        return self.session.delete(self.url + target, **{"timeout": 60} | options)

    def put(self, content, **options):
        """Brings bytes in; the answer's JSON."""
        answer = self.post("/v1/assets", data=content, **options)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def settled(self, asset, wait=60):
        """The asset as the API shows it once inspection has come to an end, good or bad."""
        ended = ("METADATA_READY", "VARIANTS_READY", "METADATA_FAILED")
        return self.until(lambda: (found := self.get(f"/v1/assets/{asset}").json())
                          and found["state"] in ended and found, wait)

    def put_settled(self, content):
        return self.settled(self.put(content)["id"])

    def put_inspected(self, content):
        asset = self.put_settled(content)
        assert asset["state"] != "METADATA_FAILED", asset["failure"]
        return asset

    def variant(self, asset, name):
        """What /asset/{id}/variant/{name} says, and the decoded picture behind its URL."""
        answer = self.get(f"/asset/{asset['id']}/variant/{name}")
        assert answer.status_code == 200, answer.text
        said = answer.json()
        picture = self.get(said["url"], allow_redirects=False)
        assert picture.status_code == 200, picture.text
        assert picture.headers["Content-Type"] == said["media_type"]
        assert len(picture.content) == said["bytes"]
        shown = decoded(picture.content, said["media_type"])
        assert shown.size == (said["width"], said["height"])
        return said, shown

    def problem(self, answer, status, code):
        """The problem document of a refusal, checked for what every one of them must have."""
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        assert answer.headers["Content-Type"] == "application/problem+json"
        document = answer.json()
        assert document["code"] == code and document["status"] == status, document
        assert document["detail"] and document["title"]
        return document

    def metric(self, name, **labels):
        """The sum of the samples of that name that have these labels."""
        total = 0.0
        for line in self.get("/metrics").text.splitlines():
            sample = re.match(r"([a-zA-Z_:]+)(\{.*\})? (\S+)$", line)
            if sample and sample[1] == name and all(
                    f'{key}="{value}"' in (sample[2] or "") for key, value in labels.items()):
                total += float(sample[3])
        return total

    def until(self, condition, wait=30):
        """What the condition says, as soon as it is true."""
        deadline = time.monotonic() + wait
        while True:
            result = condition()
            if result:
                return result
            assert time.monotonic() < deadline, f"not within {wait} s; the log ends:\n" + \
                self.log()[-2000:]
            time.sleep(0.02)

    def command(self, *arguments, key=None, environment=None, **options):
        """Runs `calotype ARGUMENTS` against this server; the completed process."""
        more = {"CALOTYPE_SERVER": self.url} | ({"CALOTYPE_KEY": key} if key else {})
        return run_command(*arguments, program=self.program, cwd=self.folder,
                           environment=more | (environment or {}), **options)

    def command_json(self, *arguments, **options):
        """The lines of JSON that a command prints with --json."""
        done = self.command(*arguments, "--json", **options)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, "no JSON"
        return lines[0] if len(lines) == 1 else lines


def run_command(*arguments, program=None, environment=None, **options):
    return subprocess.run([str(program or find_program()), *map(str, arguments)],
                          capture_output=True, text=True, timeout=120,
                          env=plain_environment(**(environment or {})), **options)
