# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, and one whose calls fail, under the real program. What has to hold: the
answer is 507 or 503 with its code, nothing of a refused upload is left behind, what was
acknowledged before stays, and when the disk is well again so is the server, without a restart.

Calls fail by tests/faults/failing_calls.cpp, preloaded into the server. The full disk is a small
tmpfs in a mount namespace of its own."""

import hashlib
import os
import random
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests
from calotype_server import Server, find_program
from crash_load import Load
from picture_files import encoded, scene
from stacks import Audit
from test_crash import SEED, SETTINGS, SETTLE_SECONDS, check_all, finish

STORAGE = {"bytes that cannot be written": "write {error} 100 /blobs/spool/",
           "a folder that cannot be made": "mkdirat {error} 100 raw/",
           "a name that cannot be given": "linkat {error} 100 raw/",
           "a name that cannot be flushed": "fsync {error} 100 /blobs"}
CATALOG = {"a row that cannot be written": "pwrite {error} 100 /catalog.db",
           "a row that cannot be flushed": "fdatasync {error} 100 /catalog.db"}


class Faults:
    """The page that failing_calls.cpp reads."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.write_bytes(bytes(4096))

    def set(self, *rules):
        text = "".join(rule + "\n" for rule in rules).encode()
        with open(self.path, "r+b") as page:
            page.write(text.ljust(4096 - 8, b"\0"))

    def clear(self):
        self.set()

    def count(self):
        return struct.unpack("Q", self.path.read_bytes()[-8:])[0]


@pytest.fixture
def faulty(start_server, tmp_path):
    """A server whose calls can be made to fail, and the faults."""
    library = find_program().parent / "libcalotype_faults.so"
    assert library.exists(), "libcalotype_faults.so is built with the tests"
    faults = Faults(tmp_path / "faults")
    environment = {"LD_PRELOAD": str(library), "CALOTYPE_FAULTS": str(faults.path)}
    if "ASAN_OPTIONS" in os.environ:  # its runtime wants to be the first library
        environment["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    server = start_server(SETTINGS, environment=environment)
    yield server, faults
    faults.clear()


def contents():
    """A file that fits into the store's memory buffer and one that does not."""
    return [b"small " + os.urandom(1000), b"large " + os.urandom(3_000_000)]


def digest(content):
    return hashlib.sha256(content).hexdigest()


def refused(server, content, error):
    answer = server.post("/v1/assets", data=content)
    if error == "ENOSPC":
        server.problem(answer, 507, "INSUFFICIENT_STORAGE")
    else:
        server.problem(answer, 503, answer.json()["code"])
        assert answer.json()["code"] in ("STORAGE_FAILED", "CATALOG_FAILED")
        assert answer.headers["Retry-After"]
    return answer


def is_there(server, content):
    return server.get(f"/v1/assets/sha256:{digest(content)}").status_code == 200


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("what", STORAGE)
def test_a_refused_upload_leaves_nothing_behind(faulty, what, error):
    server, faults = faulty
    kept = server.put_inspected(encoded(scene(320, 240), "jpeg"))
    server.until(lambda: not Audit(server.state()).unfinished())
    before = Audit(server.state()).files()
    for content in contents():
        faults.set(STORAGE[what].format(error=error))
        hits = faults.count()
        refused(server, content, error)
        assert faults.count() > hits, "the fault did not reach the server"
        assert not is_there(server, content)
        assert Audit(server.state()).files() == before
        assert server.get(f"/v1/assets/{kept['id']}/original").status_code == 200
        faults.clear()
        server.until(lambda: server.get("/readyz").status_code == 200)
        asset = server.put(content)
        assert server.get(f"/v1/assets/{asset['id']}/original").content == content
        server.until(lambda: not Audit(server.state()).unfinished())
        before = Audit(server.state()).files()


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("what", CATALOG)
def test_a_refused_row_leaves_no_bytes_past_the_grace(faulty, what, error):
    server, faults = faulty
    kept = server.put_inspected(encoded(scene(320, 240), "jpeg"))
    state = Audit(server.state())
    server.until(lambda: not state.unfinished())
    content = contents()[0]
    faults.set(CATALOG[what].format(error=error))
    hits = faults.count()
    refused(server, content, error)
    assert faults.count() > hits, "the fault did not reach the server"
    assert server.get(f"/v1/assets/{kept['id']}/original").status_code == 200
    faults.clear()
    server.until(lambda: not state.unowned())
    server.until(lambda: server.get("/readyz").status_code == 200)
    assert server.put(content)["status"] == "PENDING"
    assert is_there(server, content)
    server.kill()
    server.start()
    assert is_there(server, content) and is_there(server, encoded(scene(320, 240), "jpeg"))


def test_calls_that_fail_now_and_then_lose_nothing(faulty):
    server, faults = faulty
    load = Load(server, SEED)
    chance = random.Random(SEED)
    rules = [rule.replace(" 100 ", " 8 ").format(error=chance.choice(["EIO", "ENOSPC"]))
             for rule in [*STORAGE.values(), *CATALOG.values(), "unlinkat {error} 100 raw/"]]
    for turn in range(4):
        with load.running():
            faults.set(*rules)
            time.sleep(1)
            faults.clear()
            time.sleep(0.2)
            if turn == 2:
                server.kill()
        if turn == 2:
            server.start()
        check_all(server, Audit(server.state()), load)
    assert faults.count() > 20, "hardly a fault reached the server"
    assert not load.unexpected, load.unexpected
    retry_dead_letters(server)
    finish(server, Audit(server.state()), load)


def retry_dead_letters(server):
    """A job that met a fault at each of its attempts waits for a person, who sees to it now."""
    server.until(lambda: not [job for job in Audit(server.state()).unfinished()
                              if job[2] != "dead"], SETTLE_SECONDS)
    for job in server.get("/v1/jobs?state=dead&limit=1000").json()["jobs"]:
        assert server.post(f"/v1/jobs/{job['id']}/retry").status_code == 202


class SmallDisk:
    """A tmpfs that only its own mount namespace sees; we look into it by /proc."""

    def __init__(self, folder, mebibytes):
        self.point = folder / "disk"
        self.point.mkdir()
        self.unshare = ["unshare", "--mount"]
        self.enter = ["-m"]
        if os.geteuid() != 0:
            self.unshare += ["--user", "--map-root-user"]
            self.enter += ["-U", "--preserve-credentials"]
        script = (f"mount -t tmpfs -o size={mebibytes}m none '{self.point}' && echo mounted && "
                  "exec sleep 1000")
        self.holder = subprocess.Popen([*self.unshare, "sh", "-c", script],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"mounted\n":
            reason = self.holder.stderr.read().decode().strip()
            self.close()
            pytest.skip(f"no small file system can be mounted here: {reason}")
        self.path = Path(f"/proc/{self.holder.pid}/root{self.point}")

    def program(self, folder):
        """A program that is calotype on this disk."""
        script = folder / "calotype-on-small-disk"
        script.write_text(f"#!/bin/sh\nexec nsenter -t {self.holder.pid} {' '.join(self.enter)} "
                          f"-- '{find_program()}' \"$@\"\n")
        script.chmod(0o755)
        return script

    def close(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def small_disk(tmp_path):
    disk = SmallDisk(tmp_path, 48)
    yield disk
    disk.close()


@pytest.fixture
def full(small_disk, tmp_path):
    """A server whose disk has been filled by uploads; what it acknowledged; a ballast to make
    room."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder, SETTINGS | {"ingest.free_bytes_min": "8MiB"},
                    program=small_disk.program(folder))
    server.data = small_disk.point / "data"
    ballast = small_disk.path / "ballast"
    ballast.write_bytes(bytes(8 << 20))
    server.start()
    kept = {}
    for _ in range(200):
        content = os.urandom(random.randrange(10_000, 1_000_000))
        answer = server.post("/v1/assets", data=content)
        if answer.status_code == 507:
            break
        assert answer.status_code == 201, answer.text
        kept[content] = answer.json()["id"]
    server.problem(answer, 507, "INSUFFICIENT_STORAGE")
    assert len(kept) > 20
    assert os.statvfs(small_disk.path).f_bavail > 0
    yield server, kept, ballast, content
    server.kill()


def test_a_full_disk_refuses_and_keeps(full, small_disk):
    server, kept, ballast, refused_content = full
    assert not is_there(server, refused_content)
    assert not list((small_disk.path / "data/blobs/spool").iterdir())
    for content, asset in kept.items():
        assert server.get(f"/v1/assets/{asset}/original").content == content
    assert server.post("/v1/assets", data=os.urandom(5_000_000)).status_code == 507
    ballast.unlink()
    server.until(lambda: server.get("/readyz").status_code == 200)
    assert server.put(refused_content)["status"] == "PENDING"
    assert is_there(server, refused_content)


def test_a_full_disk_is_started_on_again(full):
    server, kept, ballast, refused_content = full
    server.kill()
    server.start()
    assert not is_there(server, refused_content)
    for content, asset in kept.items():
        assert server.get(f"/v1/assets/{asset}/original").content == content


def test_room_is_made_by_deleting(full):
    server, kept, ballast, refused_content = full
    deleted = list(kept.items())[:10]
    for _, asset in deleted:
        server.until(lambda one=asset: server.delete(f"/v1/assets/{one}").status_code in (204, 404))
    server.until(lambda: server.post("/v1/assets", data=refused_content).status_code == 201)
    for content, asset in kept.items():
        assert is_there(server, content) == ((content, asset) not in deleted)


def test_many_uploads_at_once_into_a_full_disk_lose_nothing(small_disk, full):
    server, kept, ballast, _ = full
    ballast.unlink()
    acknowledged, unexpected = [], []

    def fill(number):
        chance = random.Random(number)
        for _ in range(60):
            content = chance.randbytes(chance.randrange(1_000, 300_000))
            answer = requests.post(server.url + "/v1/assets", data=content, timeout=60)
            if answer.status_code == 201:
                acknowledged.append(content)
            elif answer.status_code != 507:
                unexpected.append(answer.text)

    clients = [threading.Thread(target=fill, args=(number,)) for number in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert not unexpected, unexpected
    assert acknowledged
    server.kill()
    server.start()
    for content in [*kept, *acknowledged]:
        assert is_there(server, content)
    on_disk = {path.name for path in (small_disk.path / "data/blobs/raw").rglob("*")
               if path.is_file()}
    assert {digest(content) for content in [*kept, *acknowledged]} <= on_disk
    assert not list((small_disk.path / "data/blobs/spool").iterdir())
