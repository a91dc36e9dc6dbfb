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
from picture_files import decoded, difference, encoded, scene

REFUSALS = (503, 507)  # a server that stops, or whose disk, renderer or other part fails
VARIANTS = ("?w=80&fm=webp", "?w=100&h=100&fit=crop&fm=jpg", "?w=40&fm=png")
ALIKE = 2  # of 255, in the mean
LIVE_MAX = 400         # contents that the load keeps; above it rather deletes than uploads


class Content:
    """One file that the load brings in. Its lock makes one request about it at a time, so that what
    was acknowledged last is what has to hold."""

    def __init__(self, number, template):
        comment = b"crash %d" % number
        self.template = template
        self.bytes = (template[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment +
                      template[2:])
        self.sha256 = hashlib.sha256(self.bytes).hexdigest()
        self.lock = threading.Lock()
        self.asset = None
        self.there = False     # None: a request about it got no answer
        self.uploads = set()   # acknowledged, and nothing asked of them since
        self.deleted = set()   # uploads whose deletion was acknowledged
        self.story = []        # what was asked about it, when, and the answer; for the report

    def tell(self, asked, answered):
        self.story.append(f"{time.time():.3f} {asked}: {answered}")


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
        self.broken = []   # requests without an answer: honest only if a server was killed
        self.pictures = {}  # what was seen as each variant of a template
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
            except requests.RequestException as problem:
                self.broken.append(f"{work.__name__}: {problem!r}")
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
        was_there = content.there
        content.there = was_there or None  # whatever becomes of this, the earlier uploads stand
        answer = ask(session, content, "POST", self.server.url + "/v1/assets", data=content.bytes)
        if self.is_refusal(answer):
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

    def is_refusal(self, answer):
        """An honest one says why, and when to come back."""
        if answer.status_code not in REFUSALS:
            return False
        try:
            says = answer.json()["code"] and answer.json()["detail"]
        except (ValueError, KeyError):
            says = None
        if not says or (answer.status_code == 503 and "Retry-After" not in answer.headers):
            self.unexpected.append(f"refusal: {answer.status_code} {answer.headers} {answer.text}")
        return True

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
            url = f"{self.server.url}/v1/assets/{content.asset}"
            answer = ask(session, content, "DELETE", url + (f"?upload={one}" if one else ""))
            if answer.status_code == 204:
                content.there = bool(one)
                content.deleted |= {one} if one else set()
                self.acknowledged["deletions"] += 1
            elif not self.is_refusal(answer):
                self.unexpected.append(f"deletion: {answer.status_code} {answer.text}\n" +
                                       "\n".join(content.story))
        finally:
            content.lock.release()

    def render(self, session, chance):
        content = self.some(chance, lambda one: one.there is True)
        if content is None:
            time.sleep(0.01)
            return
        try:
            self.ask_for_variant(session, content, chance.choice(VARIANTS))
        finally:
            content.lock.release()

    def ask_for_variant(self, session, content, name):
        answer = session.get(f"{self.server.url}/i/{content.asset}{name}", timeout=20)
        if answer.status_code == 200:
            self.acknowledged["variants"] += 1
            if not self.is_picture_of(content, name, answer.content):
                self.unexpected.append(f"variant: another picture for {content.asset}{name}")
        elif answer.status_code != 202 and not self.is_refusal(answer):
            self.unexpected.append(f"variant: {answer.status_code} {answer.text}")


    def is_picture_of(self, content, name, variant):
        """Contents differ in a comment only, so their pictures are nearly the same: they may have
        been made in one decode with others."""
        seen = self.pictures.setdefault((content.template, name), [])
        if variant not in seen:
            if seen and not is_like(seen[0], variant):
                return False
            seen.append(variant)
        return True


def ask(session, content, method, url, **more):
    """A request about a content, remembered in its story."""
    content.tell(f"{method} {url}", "sent")
    try:
        answer = session.request(method, url, timeout=20, **more)
    except requests.RequestException as problem:
        content.tell(method, repr(problem))
        raise
    content.tell(method, f"{answer.status_code} {answer.text}")
    return answer


def is_like(first, second):
    first, second = decoded(first), decoded(second)
    return first.size == second.size and difference(first, second) < ALIKE


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
