# SPDX-License-Identifier: Apache-2.0
"""Clients that never rest, and remember what was acknowledged to them: what they bring in while
something is killed has to be there afterwards, whatever it was."""

import contextlib
import hashlib
import random
import struct
import threading
import time

import requests
from picture_files import encoded, scene

REFUSALS = (503, 507)  # a server that stops, or whose disk or other part fails
LIVE_MAX = 400         # contents that the load keeps; above it rather deletes than uploads


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
        elif "VARIANT_GENERATION_FAILED" in answer.text:
            pass  # who kills the whole program may have killed the renderer first
        elif answer.status_code not in (202, 404, *REFUSALS):
            self.unexpected.append(f"variant: {answer.status_code} {answer.text}")


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
