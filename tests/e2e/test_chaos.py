# SPDX-License-Identifier: Apache-2.0
"""Parts of a cluster are killed at random while clients upload, read and delete: a server, a
worker, Redis, the S3 server, a PostgreSQL backend, PostgreSQL itself, PgBouncer. Each time: no
acknowledged upload is lost (its bytes are read and hashed), nothing that was deleted comes back,
answers are right or an honest 503 (only who asked a killed server gets none), and within 10 s of
the part's return all works again without a hand: both servers take, inspect, render and give back
what is new, and all that was brought in before has been inspected. In the end no job is stuck or
was done twice, every row has its bytes, and no bytes are without an owner.

CALOTYPE_CHAOS_KILLS says how often (100, which take four minutes; under a sanitizer, where 10 s are
too short, none), and CALOTYPE_CHAOS_SEED makes it the same again."""

import collections
import os
import random
import time

import pytest
import requests
from calotype_server import RELEASE
from crash_load import Content, Load, read_back
from picture_files import decoded, encoded, scene
from stacks import Audit, Cluster, ClusterPlace, has_cluster
from all_servers import AllServers

KILLS = int(os.environ.get("CALOTYPE_CHAOS_KILLS", "100" if RELEASE else "0"))
SEED = int(os.environ.get("CALOTYPE_CHAOS_SEED", str(random.SystemRandom().randrange(10**9))))
SETTINGS = {"lifecycle.grace": "2s", "lifecycle.scrub_interval": "500ms", "log.level": "warn"}
RECOVERY_SECONDS = 10
SETTLE_SECONDS = 60
SAMPLE = 10
PARTS = ("server", "worker", "redis", "radosgw", "backend", "postgres", "pgbouncer")
LEGAL_STORIES = (
    ["INGESTED", "DEDUP_CHECK", "METADATA_READY"],
    ["INGESTED", "DEDUP_CHECK", "METADATA_READY", "VARIANTS_READY"],
)


class Stand:
    """The cluster, all that it stands on, and what may be killed."""

    def __init__(self, folder, chance):
        self.chance = chance
        self.template = encoded(scene(200, 150), "jpeg")
        self.below = AllServers()
        self.below.start()
        self.place = ClusterPlace(
            self.below.postgres.url, self.below.radosgw.url(), self.below.redis.url,
            pooler=self.below.pgbouncer.url, client=self.below.radosgw.client())
        keys = {name: self.below.environment()[name]
                for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.cluster = Cluster(folder, SETTINGS, environment=keys, place=self.place)
        self.audit = Audit(self.place.state())
        self.cluster.start()

    def end(self):
        self.cluster.kill()
        self.below.stop()

    def strike(self, part):
        """Kills it, lets the load run on for a moment, and brings it back. Returns when it is back
        (which is what recovery is measured from)."""
        down = self.chance.choice((0, self.chance.uniform(0, 1)))
        if part in ("server", "worker"):
            victim = self.chance.choice(self.cluster.servers if part == "server"
                                        else self.cluster.workers)
            victim.kill()
            time.sleep(down)
            victim.launch()
        elif part == "backend":
            backends = self.below.postgres.backends(self.place.name)
            if backends:
                self.below.postgres.kill_backend(self.chance.choice(backends))
            self.below.postgres.ready()
        elif part == "redis" and self.chance.random() < 0.3:  # slow is worse than gone
            self.below.redis.pause()
            time.sleep(down)
            self.below.redis.resume()
        else:
            victim = getattr(self.below, part)
            victim.kill()
            time.sleep(down)
            victim.restart()

    def assert_recovered(self, began):
        """Both servers do all their work for a new picture, and no older one waits for a worker
        that was killed."""
        deadline = began + RECOVERY_SECONDS
        picture = Content(self.chance.randrange(10**9), self.template)
        for width, server in enumerate(self.cluster.servers, 60):  # each renders its own
            self.wait_until(lambda: probe(server, picture, width), deadline)
        self.wait_until(lambda: self.left_behind(began), deadline)
        for part in self.cluster.parts:
            assert part.process.poll() is None, f"it ended by itself:\n{part.log()[-6000:]}"

    def wait_until(self, problem_of, deadline):
        while problem := problem_of():
            assert time.monotonic() < deadline, \
                f"no recovery within {RECOVERY_SECONDS} s: {problem}\n" + self.last_words()
            time.sleep(0.1)

    def report(self, part, load):
        """What was not expected, with what the catalog says of the assets that it names."""
        text = "\n".join(load.unexpected)
        named = {content.asset for content in load.contents if content.asset and
                 content.asset in text}
        rows = [self.audit.rows(f"SELECT a.id, a.state, a.purge_epoch, a.purging, e.* FROM asset a "
                                f"JOIN event e ON e.asset_no = a.asset_no WHERE a.id = '{asset}'")
                for asset in named]
        return f"{part}: {text}\n{rows}"

    def last_words(self):
        return "\n".join(f"{part.folder.name}, {part.process.poll()}:\n{part.log()[-1500:]}"
                         for part in self.cluster.parts) + f"\nload: {os.getloadavg()}"

    def left_behind(self, began):
        """What came in before the part was back and is not inspected yet."""
        age = time.monotonic() - began
        return self.audit.rows("SELECT id, state FROM asset WHERE state IN ('INGESTED', "
                               "'DEDUP_CHECK') AND updated_at < "
                               f"{int((time.time() - age) * 1000)}")


def probe(server, picture, width):
    """What is wrong with a server; nothing where it works."""
    try:
        ready = requests.get(server.url + "/readyz", timeout=10)
        if ready.status_code != 200:
            return f"readyz {ready.status_code} {ready.text}"
        put = requests.post(server.url + "/v1/assets", data=picture.bytes, timeout=10)
        if put.status_code not in (200, 201):
            return f"upload {put.status_code} {put.text}"
        asset = put.json()["id"]
        back = requests.get(f"{server.url}/v1/assets/{asset}/original", timeout=10)
        if back.status_code != 200 or back.content != picture.bytes:
            return f"original {back.status_code} {back.text[:200]}"
        made = requests.get(f"{server.url}/i/{asset}?w={width}&fm=png", timeout=10)
        if made.status_code != 200 or decoded(made.content).size[0] != width:
            return f"variant {made.status_code} {made.text[:200]}"
        gone = requests.delete(f"{server.url}/v1/assets/{asset}", timeout=10)
        return None if gone.status_code == 204 else f"deletion {gone.status_code} {gone.text}"
    except requests.RequestException as problem:
        return repr(problem)


@pytest.fixture
def stand(tmp_path):
    if not has_cluster():
        pytest.skip("PostgreSQL, S3 and Redis are not in the environment")
    if KILLS == 0:
        pytest.skip("a sanitizer is too slow for it (CALOTYPE_CHAOS_KILLS)")
    chance = random.Random(SEED)
    stand = Stand(tmp_path, chance)
    yield stand
    stand.end()


def test_no_death_loses_anything(stand):
    print(f"seed {SEED}, {KILLS} kills")
    chance = stand.chance
    load = Load(stand.cluster, SEED)
    strikes = collections.Counter()
    slowest = collections.defaultdict(float)
    try:
        for kill in range(KILLS):
            part = PARTS[kill % len(PARTS)] if kill < len(PARTS) else chance.choice(PARTS)
            strikes[part] += 1
            with load.running():
                time.sleep(chance.uniform(0.1, 0.6))
                stand.strike(part)
                began = time.monotonic()
                stand.assert_recovered(began)
            slowest[part] = max(slowest[part], time.monotonic() - began)
            settled = [content for content in load.contents if content.there is not None]
            read_back(stand.cluster, chance.sample(settled, min(SAMPLE, len(settled))))
            assert not load.unexpected, stand.report(part, load)
            assert part == "server" or not load.broken, (part, load.broken)
            load.broken.clear()
        finish(stand, load)
    finally:
        print(f"seed {SEED}: {dict(strikes)} strikes; recovered after at most " +
              ", ".join(f"{part} {seconds:.1f} s" for part, seconds in slowest.items()) +
              f"; {load.acknowledged} acknowledged, {len(load.contents)} contents")


def finish(stand, load):
    """Left alone, it comes to rest with nothing lost, stuck, done twice or left over."""
    cluster, audit = stand.cluster, stand.audit
    deadline = time.monotonic() + SETTLE_SECONDS
    for left_over in (audit.pending, audit.unfinished, audit.unowned):
        while rest := left_over():
            assert time.monotonic() < deadline, \
                f"{left_over.__name__} after {SETTLE_SECONDS} s: {rest}\n" + stand.last_words()
            time.sleep(0.2)
    read_back(cluster, load.contents)
    audit.assert_every_row_has_its_bytes()
    uploads = {upload for (upload,) in audit.rows("SELECT id FROM upload")}
    for content in load.contents:
        if content.there is not True:
            continue
        assert content.uploads <= uploads, content.uploads - uploads
        assert not content.deleted & uploads, content.deleted & uploads
        asset = cluster.get(f"/v1/assets/{content.asset}").json()
        assert asset["state"] in ("METADATA_READY", "VARIANTS_READY"), asset
        events = cluster.get(f"/v1/assets/{content.asset}/events").json()["events"]
        story = [event["to"] for event in events if event["from"] != event["to"]]
        since = len(story) - story[::-1].index("INGESTED") - 1  # it may have been deleted before
        assert story[since:] in LEGAL_STORIES, story
    assert all(load.acknowledged.values()) or KILLS < 20, load.acknowledged
