# SPDX-License-Identifier: Apache-2.0
"""`calotype import` where something goes wrong at every place at which it can: answers that get
lost, a server that is busy, a journal without room or behind what was acknowledged, signals at any
instant. Every file comes in, and by its name only once."""

import collections
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import random
import resource
import signal
import socket
import subprocess
import threading
from urllib.parse import urlsplit

import pytest
from calotype_server import plain_environment

STACKS = ("embedded", "cluster")
SEED = random.SystemRandom().randrange(10**9)


class Troublemaker:
    """Stands between a client and the server: `trouble(method)` says for each request what becomes
    of it: None, a status to answer instead, or "lost" for an answer that does not arrive."""

    def __init__(self, server, trouble):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def relay(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fate = trouble(self.command)
                if isinstance(fate, int):
                    self.send_response(fate)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                there = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
                there.request(self.command, self.path, body,
                              {name: value for name, value in self.headers.items()
                               if name.lower() not in ("host", "expect", "content-length")})
                answer = there.getresponse()
                content = answer.read()
                there.close()
                if fate == "lost":
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_HEAD = do_POST = relay

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def make_library(folder, count, size=3_000):
    source = random.Random(SEED)
    folder.mkdir()
    contents = {}
    for number in range(count):
        content = source.randbytes(size + number)
        (folder / f"{number:03}.jpg").write_bytes(content)
        contents[f"{number:03}.jpg"] = hashlib.sha256(content).hexdigest()
    return contents


def start_import(server, source, url=None, jobs=8, **options):
    return subprocess.Popen(
        [str(server.program), "import", str(source), "--json", "--jobs", str(jobs), "--journal",
         str(server.folder / "journal")],
        env=plain_environment(CALOTYPE_SERVER=url or server.url), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, **options)


def run_import(server, source, url=None, code=0, **options):
    process = start_import(server, source, url, **options)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, f"{out}\n{err}"
    return json.loads(out), err


def assert_each_once(server, contents):
    for name, sha256 in contents.items():
        asset = server.get(f"/v1/assets/sha256:{sha256}").json()
        assert [upload["file_name"] for upload in asset["uploads"]] == [name]


def test_answers_that_get_lost_record_nothing_twice(start_server, tmp_path):
    server = start_server()
    contents = make_library(tmp_path / "library", 40)
    turn = random.Random(SEED)
    lost = []

    def trouble(method):
        if method != "POST" or len(lost) == 12 or turn.random() < 0.5:
            return None
        lost.append(method)
        return "lost"

    between = Troublemaker(server, trouble)
    try:
        said, _ = run_import(server, tmp_path / "library", between.url)
    finally:
        between.close()
    assert lost and said["failed"] == 0 and said["new"] == len(contents), said
    assert_each_once(server, contents)


def test_a_server_that_is_busy_has_not_forgotten_the_content(start_server, tmp_path):
    server = start_server()
    contents = make_library(tmp_path / "library", 10)
    run_import(server, tmp_path / "library")
    busy = iter([503, 500, 503])
    between = Troublemaker(server, lambda method: next(busy, None) if method == "HEAD" else None)
    try:
        said, _ = run_import(server, tmp_path / "library", between.url)
    finally:
        between.close()
    assert (said["unchanged"], said["sent_bytes"]) == (len(contents), 0)
    assert_each_once(server, contents)


def test_a_journal_without_room_ends_it_and_costs_nothing(start_server, tmp_path):
    server = start_server()
    contents = make_library(tmp_path / "library", 60)

    def with_little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))

    said, err = run_import(server, tmp_path / "library", code=1, preexec_fn=with_little_room)
    assert "The journal cannot be written" in err
    assert 0 < said["new"] < len(contents) and said["failed"] == 0
    said, _ = run_import(server, tmp_path / "library")
    assert said["failed"] == 0
    assert_each_once(server, contents)
    said, _ = run_import(server, tmp_path / "library")
    assert said["unchanged"] == len(contents)


def test_what_the_journal_does_not_know_yet_is_not_recorded_again(start_server, tmp_path):
    server = start_server()
    contents = make_library(tmp_path / "library", 30)
    run_import(server, tmp_path / "library")
    journal = server.folder / "journal"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-8]) + lines[-8][:40])
    said, _ = run_import(server, tmp_path / "library")
    assert (said["failed"], said["sent_bytes"]) == (0, 0)
    assert_each_once(server, contents)
    # What was deleted meanwhile comes in again all the same.
    [name, sha256] = next(iter(contents.items()))
    assert server.delete(f"/v1/assets/sha256:{sha256}").status_code == 204
    said, _ = run_import(server, tmp_path / "library")
    assert said["new"] == 1
    assert_each_once(server, {name: sha256})


def test_files_that_change_their_nature_meanwhile_are_named(start_server, tmp_path):
    server = start_server()
    folder = tmp_path / "library"
    contents = make_library(folder, 12)
    paths = sorted(folder.iterdir())

    def change():
        for path in paths[1:6]:
            path.unlink()
        os.mkfifo(paths[2])
        paths[3].mkdir()
        paths[4].symlink_to(paths[5])
        paths[5].symlink_to(paths[4])
        paths[6].write_bytes(b"")
        with open(paths[7], "ab") as file:
            file.write(b"more")

    first = iter([change])

    def trouble(method):
        if method == "POST" and (do := next(first, None)):
            do()

    between = Troublemaker(server, trouble)
    try:
        said, _ = run_import(server, folder, between.url, code=1, jobs=1)
    finally:
        between.close()
    assert {failure["file"]: failure["code"] for failure in said["failures"]} == {
        path.name: "BAD_REQUEST" for path in paths[1:8]}
    assert_each_once(server, {name: contents[name] for name in ("000.jpg", "008.jpg", "011.jpg")})
    # As it is now: a pipe and a folder are passed over, the circle and the empty one are named.
    said, _ = run_import(server, folder, code=1)
    assert {failure["file"]: failure["code"] for failure in said["failures"]} == {
        paths[4].name: "BAD_REQUEST", paths[5].name: "BAD_REQUEST", paths[6].name: "MISSING_UPLOAD"}
    assert (said["new"], said["unchanged"]) == (1, 5)


def test_what_is_no_file_is_passed_over(start_server, tmp_path):
    server = start_server()
    folder = tmp_path / "library"
    contents = make_library(folder, 3)
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(folder):
        listening.bind("socket.jpg")
        (folder / "zero.jpg").symlink_to("/dev/zero")
        (folder / "circle").mkdir()
        (folder / "circle" / "round").symlink_to("..")
        (folder / "circle" / "itself.jpg").symlink_to("itself.jpg")
        os.mkfifo("pipe")
        (folder / "to a pipe.jpg").symlink_to("pipe")
        said, _ = run_import(server, folder, code=1)
    assert [failure["file"] for failure in said["failures"]] == ["circle/itself.jpg"]
    assert (said["new"], said["skipped"]) == (3, 5)
    assert_each_once(server, contents)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_in_order_and_says_how_to_go_on(start_server, tmp_path, how):
    server = start_server()
    contents = make_library(tmp_path / "library", 400)
    between_them = threading.Event()

    def trouble(method):
        if method == "POST":
            between_them.set()

    between = Troublemaker(server, trouble)
    try:
        process = start_import(server, tmp_path / "library", between.url)
        assert between_them.wait(60)
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
    finally:
        between.close()
    said = json.loads(out)
    assert process.returncode == 1 and "CANCELLED" in err and "Run it again" in err
    assert 0 < said["new"] < len(contents) and said["failed"] == 0
    said, _ = run_import(server, tmp_path / "library")
    assert said["failed"] == 0 and said["unchanged"] + said["new"] == len(contents)
    assert_each_once(server, contents)


def test_a_second_signal_does_not_wait(start_server, tmp_path):
    server = start_server()
    contents = make_library(tmp_path / "library", 40)
    under_way, let_go = threading.Event(), threading.Event()

    def trouble(method):
        if method == "POST":
            under_way.set()
            let_go.wait(120)

    between = Troublemaker(server, trouble)
    try:
        process = start_import(server, tmp_path / "library", between.url)
        assert under_way.wait(60)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)  # for what is under way
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        process.communicate()
    finally:
        let_go.set()
        between.close()
    said, _ = run_import(server, tmp_path / "library")
    assert said["failed"] == 0
    found = collections.Counter()
    for sha256 in contents.values():
        found[len(server.get(f"/v1/assets/sha256:{sha256}").json()["uploads"])] += 1
    assert found.total() == len(contents) and found[0] == 0
