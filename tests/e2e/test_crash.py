# SPDX-License-Identifier: Apache-2.0
"""The whole program is killed (SIGKILL to the server and its renderers) at random instants while it
brings bytes in, inspects, renders and deletes; then it is started again on what it left. What has
to hold: an upload that was acknowledged is there with its bytes, a deletion that was acknowledged
stays one, every row has its bytes, no job is stuck, and after the grace period no bytes are without
an owner. What was asked for and not acknowledged may have happened or not.

CALOTYPE_CRASH_KILLS (default 200) and CALOTYPE_CRASH_SEED make it longer, or the same again."""

import contextlib
import hashlib
import os
import random
import sqlite3
import struct
import threading
import time
from pathlib import Path

import pytest
import requests
from calotype_server import Server
from picture_files import encoded, scene

KILLS = int(os.environ.get("CALOTYPE_CRASH_KILLS", "200"))
SEED = int(os.environ.get("CALOTYPE_CRASH_SEED", str(random.SystemRandom().randrange(10**9))))
SETTINGS = {"lifecycle.grace": "1s", "lifecycle.scrub_interval": "300ms", "log.level": "warn"}
REFUSALS = (503, 507)  # a server that stops, or whose disk fails
SAMPLE = 15           # acknowledged contents that are read back after each restart
FULL_CHECK_EVERY = 40  # kills between two looks at everything
LIVE_MAX = 400        # contents that the load keeps; above it rather deletes than uploads

# A job whose end could not be written keeps its lease of 60 s; the scrub comes round after that.
SETTLE_SECONDS = 180


class Content:
    """One file that the load brings in. Its lock makes one request about it at a time, so that what
    was acknowledged last is what has to hold."""

    def __init__(self, number, template):
        comment = b"crash %d" % number
        self.bytes = (template[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment +
                      template[2:])
        self.sha256 = hashlib.sha256(self.bytes).hexdigest()
        self.lock = threading.Lock()
        self.asset = None
        self.there = False     # None: a request about it got no answer
        self.uploads = set()   # acknowledged, and nothing asked of them since


class Load:
    """Clients that never rest, until the server they talk to dies."""

    def __init__(self, server, seed):
        self.server = server
        self.seed = seed
        self.templates = [encoded(scene(*size), "jpeg") for size in ((160, 120), (320, 240))]
        self.contents = []
        self.lock = threading.Lock()
        self.acknowledged = {"uploads": 0, "duplicates": 0, "deletions": 0, "variants": 0}
        self.unexpected = []
        self.round = 0

    @contextlib.contextmanager
    def running(self):
        """Clients run within, and have all ended after."""
        self.round += 1
        stop = threading.Event()
        work = [self.upload, self.upload, self.upload_or_again, self.delete, self.render]
        clients = [threading.Thread(target=self.repeat, args=(one, stop, index))
                   for index, one in enumerate(work)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            stop.set()
            for client in clients:
                client.join()

    def repeat(self, work, stop, index):
        chance = random.Random(f"{self.seed}/{self.round}/{index}")
        session = requests.Session()
        session.trust_env = False
        while not stop.is_set():
            try:
                work(session, chance)
            except requests.RequestException:
                time.sleep(0.005)  # the server is dead or dying

    def some(self, chance, wanted):
        """A content of that kind among a few that nobody else is busy with, locked; or nothing."""
        for _ in range(8):
            if not self.contents:
                return None
            content = chance.choice(self.contents)
            if content.lock.acquire(blocking=False):
                if wanted(content):
                    return content
                content.lock.release()
        return None

    def live(self):
        return sum(content.there is True for content in self.contents)

    def upload(self, session, chance):
        if self.live() > LIVE_MAX:
            self.delete(session, chance)
            return
        with self.lock:
            content = Content(len(self.contents), chance.choice(self.templates))
            self.contents.append(content)
        with content.lock:
            self.put(session, content)

    def upload_or_again(self, session, chance):
        content = self.some(chance, lambda one: one.there is True or chance.random() < 0.2)
        if content is None:
            self.upload(session, chance)
            return
        try:
            self.put(session, content)
        finally:
            content.lock.release()

    def put(self, session, content):
        was_there, content.there = content.there, None
        answer = session.post(self.server.url + "/v1/assets", data=content.bytes, timeout=20)
        if answer.status_code in REFUSALS:
            content.there = was_there or None  # it may have been stopped after it was recorded
            return
        if answer.status_code not in (200, 201):
            self.unexpected.append(f"upload: {answer.status_code} {answer.text}")
            return
        said = answer.json()
        if said["sha256"] != content.sha256:
            self.unexpected.append(f"upload of {content.sha256} became {said['sha256']}")
        if was_there is True and answer.status_code == 201:
            self.unexpected.append(f"{content.sha256} was lost and came back as new")
        content.asset = said["id"]
        content.there = True
        content.uploads.add(said["upload"])
        self.acknowledged["uploads" if answer.status_code == 201 else "duplicates"] += 1

    def delete(self, session, chance):
        content = self.some(chance, lambda content: content.there is True)
        if content is None:
            return
        try:
            one = chance.choice(sorted(content.uploads)) if len(content.uploads) > 1 else None
            if one:
                content.uploads.discard(one)  # the others keep it there, whatever the answer
            else:
                content.there = None
                content.uploads.clear()
            answer = session.delete(f"{self.server.url}/v1/assets/{content.asset}" +
                                    (f"?upload={one}" if one else ""), timeout=20)
            if answer.status_code == 204:
                content.there = bool(one)
                self.acknowledged["deletions"] += 1
            elif answer.status_code not in REFUSALS:
                self.unexpected.append(f"deletion: {answer.status_code} {answer.text}")
        finally:
            content.lock.release()

    def render(self, session, chance):
        known = [content for content in self.contents if content.there and content.asset]
        if not known:
            time.sleep(0.01)
            return
        content = chance.choice(known[-40:])
        name = chance.choice(["?w=80&fm=webp", "?w=100&h=100&fit=crop&fm=jpg", "?w=40&fm=png"])
        answer = session.get(f"{self.server.url}/i/{content.asset}{name}", timeout=20)
        if answer.status_code == 200:
            self.acknowledged["variants"] += 1
        elif answer.status_code not in (202, 404, *REFUSALS):
            self.unexpected.append(f"variant: {answer.status_code} {answer.text}")


class State:
    """What is on the disk, read beside the server."""

    def __init__(self, data):
        self.data = data

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/catalog.db?mode=ro",
                                                uri=True, timeout=20)) as catalog:
            return catalog.execute(sql).fetchall()

    def files(self):
        """The size of each by its key; one that goes while we look is not there."""
        blobs = self.data / "blobs"
        found = {}
        for folder, _, names in os.walk(blobs):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    found[str(path.relative_to(blobs))] = path.stat().st_size
        return found

    def owned(self):
        """The key and size of every blob that a row promises."""
        originals = self.rows("SELECT lower(hex(digest)), bytes FROM asset "
                              "WHERE state != 'DELETED'")
        owned = {f"raw/{name[:2]}/{name[2:4]}/{name}": size for name, size in originals}
        owned |= dict(self.rows("SELECT proof_key, proof_bytes FROM media "
                                "WHERE proof_key IS NOT NULL"))
        return owned | dict(self.rows("SELECT blob_key, bytes FROM variant "
                                      "WHERE blob_key IS NOT NULL"))

    def assert_every_row_has_its_bytes(self):
        """While the server runs a blob may go between the two looks; then its row has gone."""
        for _ in range(20):
            owned = self.owned()
            files = self.files()
            lacking = {key: size for key, size in owned.items() if files.get(key) != size}
            if not lacking:
                return
            time.sleep(0.1)
        raise AssertionError(f"rows without their bytes: {lacking}")

    def unfinished(self):
        """Jobs that are to end and have not."""
        return self.rows("SELECT kind, key, state, attempts, last_error FROM job "
                         "WHERE kind != 'scrub'")

    def pending(self):
        return self.rows("SELECT id, state FROM asset WHERE state IN ('INGESTED', 'DEDUP_CHECK')")

    def unowned(self):
        return sorted(self.files().keys() - self.owned().keys())


def read_back(server, contents):
    """The given contents are as the last acknowledgement about them says."""
    for content in contents:
        answer = server.get(f"/v1/assets/sha256:{content.sha256}")
        if content.there is True:
            assert answer.status_code == 200, f"{content.sha256} is lost: {answer.text}"
            original = server.get(f"/v1/assets/{content.asset}/original")
            assert hashlib.sha256(original.content).hexdigest() == content.sha256
        elif content.there is False:
            assert answer.status_code == 404, f"{content.sha256} was deleted: {answer.text}"


def check_all(server, state, load):
    read_back(server, load.contents)
    state.assert_every_row_has_its_bytes()


def kill_at_random(server, load, chance):
    """One end under load, and the next start; that one is sometimes killed as well."""
    with load.running():
        time.sleep(chance.uniform(0.02, 0.7))
        server.kill()
    if chance.random() < 0.1:
        server.launch()
        time.sleep(chance.uniform(0, 0.15))
        server.kill()
    server.start()


def test_no_crash_loses_anything(tmp_path):
    print(f"seed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    server = Server(tmp_path, SETTINGS)
    state = State(server.data)
    load = Load(server, SEED)
    server.start()
    try:
        for kill in range(1, KILLS + 1):
            kill_at_random(server, load, chance)
            settled = [content for content in load.contents if content.there is not None]
            read_back(server, chance.sample(settled, min(SAMPLE, len(settled))))
            assert not load.unexpected, load.unexpected
            if kill % FULL_CHECK_EVERY == 0:
                check_all(server, state, load)
        finish(server, state, load)
        assert server.stop() == 0
        assert not state.unowned() and not state.unfinished()
    finally:
        print(f"seed {SEED}: {load.acknowledged} acknowledged, {len(load.contents)} contents")
        server.kill()


def finish(server, state, load):
    """Left alone, it comes to rest with nothing lost, stuck or left over."""
    check_all(server, state, load)
    server.until(lambda: not state.pending(), SETTLE_SECONDS)
    server.until(lambda: not state.unfinished(), SETTLE_SECONDS)
    server.until(lambda: not state.unowned(), SETTLE_SECONDS)
    check_all(server, state, load)
    for content in load.contents:
        if content.there is True:
            asset = server.get(f"/v1/assets/{content.asset}").json()
            assert asset["state"] in ("METADATA_READY", "VARIANTS_READY"), asset
    least = 1 if KILLS >= 20 else 0
    assert all(count >= least for count in load.acknowledged.values()), load.acknowledged


@pytest.mark.parametrize("moment", ["at once", "while it is busy"])
def test_a_polite_end_loses_nothing_either(tmp_path, moment):
    server = Server(tmp_path, SETTINGS)
    load = Load(server, SEED)
    for _ in range(3):
        server.start()
        with load.running():
            time.sleep(0.05 if moment == "at once" else 0.5)
            assert server.stop() == 0
    server.start()
    try:
        check_all(server, State(server.data), load)
        assert not load.unexpected, load.unexpected
    finally:
        server.kill()
