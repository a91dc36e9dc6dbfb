# SPDX-License-Identifier: Apache-2.0
"""The shared cache through the real program and a real Redis, which is emptied, filled with what is
damaged or out of date, frozen and killed: answers stay right, and none waits for it."""

import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest
import requests
from calotype_server import Server
from picture_files import encoded, scene
from redis_server import Redis


class Talk:
    """RESP, as far as these tests need it."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) +
                            b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.read()

    def read(self):
        line = self.file.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        assert kind != b"-", line
        return int(rest) if kind == b":" else rest


@pytest.fixture
def redis():
    folder = Path(tempfile.mkdtemp(prefix="calotype-redis-"))
    folder.chmod(0o755)  # it may run as somebody else
    server = Redis(folder / "redis")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def site(redis, tmp_path):
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server", {"cache": redis.url, "delivery.staleness_max": "2s"})
    server.start()
    server.until(lambda: server.metric("cache_usable") == 1)
    yield server
    server.stop()


def entries(redis, asset):
    flat = Talk(redis.port)("HGETALL", f"calotype:1:variants:{asset}")
    return dict(zip(flat[::2], flat[1::2]))


def restart(site):
    """With an empty hot index."""
    assert site.stop() == 0
    site.start()
    site.until(lambda: site.metric("cache_usable") == 1)


def make(site, redis, *targets, size=(640, 480)):
    """An asset of which these have been asked for, and are in Redis."""
    asset = site.put_inspected(encoded(scene(*size), "jpeg"))["id"]
    pictures = [site.get(f"/i/{asset}?{target}") for target in targets]
    assert [picture.status_code for picture in pictures] == [200] * len(targets)
    site.until(lambda: len(entries(redis, asset)) == len(targets))
    return asset, [picture.content for picture in pictures]


def test_what_was_found_out_once_is_not_asked_again(site, redis):
    asset, [plain, own, negotiated] = make(
        site, redis, "w=100&fm=webp", "w=101", "w=102&auto=format")
    assert 86_000 < Talk(redis.port)("TTL", f"calotype:1:variants:{asset}") <= 86_400
    restart(site)
    for target, content in [("w=100&fm=webp", plain), ("w=101", own),
                            ("w=102&auto=format", negotiated)]:
        answer = site.get(f"/i/{asset}?{target}")
        assert answer.status_code == 200 and answer.content == content
        assert answer.headers["X-Cache"] == "HIT"
    assert site.metric("cache_requests_total", result="hit") == 3
    resolved = site.get(f"/asset/{asset}/variant/w=100&fm=webp").json()
    assert resolved["width"] == 100 and resolved["bytes"] == len(plain)
    assert site.get(resolved["url"]).content == plain


def test_a_format_is_still_chosen_by_what_each_accepts(site, redis):
    asset, _ = make(site, redis, "w=103&auto=format")
    target = f"/i/{asset}?w=103&auto=format"
    webp = site.get(target, headers={"Accept": "image/webp"})
    assert webp.headers["Content-Type"] == "image/webp"
    site.until(lambda: len(entries(redis, asset)) == 2)
    restart(site)
    for accept, media_type in [("image/webp,*/*", "image/webp"), ("*/*", "image/jpeg")]:
        answer = site.get(target, headers={"Accept": accept})
        assert answer.headers["Content-Type"] == media_type
        assert answer.headers["Vary"].lower().count("accept")
    assert site.metric("cache_requests_total", result="hit") == 2


def test_a_deleted_asset_is_not_served_from_an_entry_that_outlived_it(site, redis):
    asset, _ = make(site, redis, "w=110&fm=webp")
    talk = Talk(redis.port)
    kept = entries(redis, asset)
    assert site.delete(f"/v1/assets/{asset}").status_code == 204
    site.problem(site.get(f"/i/{asset}?w=110&fm=webp"), 404, "ASSET_NOT_FOUND")
    site.until(lambda: not entries(redis, asset))
    for name, value in kept.items():
        talk("HSET", f"calotype:1:variants:{asset}", name, value)
    site.problem(site.get(f"/i/{asset}?w=110&fm=webp"), 404, "ASSET_NOT_FOUND")
    restart(site)
    site.problem(site.get(f"/i/{asset}?w=110&fm=webp"), 404, "ASSET_NOT_FOUND")
    assert site.metric("cache_entries_outdated_total") >= 1


def test_what_was_deleted_while_redis_was_away_stays_deleted(site, redis):
    asset, _ = make(site, redis, "w=111&fm=webp")
    redis.pause()
    for width in range(300, 310):  # until it is noticed
        assert site.get(f"/i/{asset}?w={width}&fm=webp").status_code == 200
    site.until(lambda: site.metric("cache_usable") == 0)
    assert site.delete(f"/v1/assets/{asset}").status_code == 204
    assert site.get(f"/i/{asset}?w=111&fm=webp").status_code == 404
    redis.resume()
    site.until(lambda: site.metric("cache_usable") == 1)
    assert entries(redis, asset), "it could not be told"
    assert site.get(f"/i/{asset}?w=111&fm=webp").status_code == 404
    restart(site)
    assert site.get(f"/i/{asset}?w=111&fm=webp").status_code == 404


def test_an_entry_without_its_blob_is_found_out(site, redis):
    asset, [content] = make(site, redis, "w=112&fm=webp")
    for blob in site.data.glob("blobs/variants/*/*/*"):
        blob.unlink()
    restart(site)
    answer = site.get(f"/i/{asset}?w=112&fm=webp")
    assert answer.status_code == 200 and answer.content == content
    assert answer.headers["X-Cache"] == "MISS", "made again"


def test_nonsense_is_as_good_as_nothing(site, redis):
    asset, [content] = make(site, redis, "w=113&fm=webp")
    other, [wrong] = make(site, redis, "w=113&fm=webp", size=(320, 200))
    assert content != wrong
    talk, key = Talk(redis.port), f"calotype:1:variants:{asset}"
    [(name, value)] = entries(redis, asset).items()
    for nonsense in (b"", b"\0" * 500, value[:-1], value.replace(b"webp", b"jpeg"),
                     *entries(redis, other).values()):
        talk("HSET", key, name, nonsense)
        restart(site)
        assert site.get(f"/i/{asset}?w=113&fm=webp").content == content
    talk("DEL", key)
    talk("SET", key, "a string")
    restart(site)
    assert site.get(f"/i/{asset}?w=113&fm=webp").content == content


def test_a_frozen_redis_delays_nobody_and_is_used_when_it_wakes(site, redis):
    asset, _ = make(site, redis, *[f"w={200 + i}&fm=jpeg" for i in range(40)])
    restart(site)
    redis.pause()
    for i in range(40):
        assert site.get(f"/i/{asset}?w={200 + i}&fm=jpeg").status_code == 200
    waits = site.metric("cache_requests_total", result="timeout")
    assert 1 <= waits <= 20, "a few, not one for each request"
    assert site.metric("cache_requests_total", result="bypassed") == 40 - waits
    redis.resume()
    site.until(lambda: site.metric("cache_usable") == 1, 10)


def test_a_dead_redis_costs_nothing_and_comes_back_without_a_restart(site, redis):
    asset, [content] = make(site, redis, "w=114&fm=webp")
    redis.kill()
    site.until(lambda: site.metric("cache_usable") == 0, 5)
    assert site.get("/readyz").status_code == 200 and site.get("/healthz").status_code == 200
    assert site.get(f"/i/{asset}?w=115&fm=webp").status_code == 200
    assert site.get(f"/i/{asset}?w=114&fm=webp").content == content
    redis.restart()
    site.until(lambda: site.metric("cache_usable") == 1, 10)
    assert not entries(redis, asset)
    assert site.get(f"/i/{asset}?w=116&fm=webp").status_code == 200
    site.until(lambda: entries(redis, asset))


def test_a_server_starts_without_its_redis(redis, start_server):
    redis.stop()
    site = start_server({"cache": redis.url})
    asset = site.put_inspected(encoded(scene(321, 123), "png"))["id"]
    assert site.get(f"/i/{asset}?w=50&fm=png").status_code == 200


def test_accesses_are_counted_and_written_down(redis, start_server):
    for settings in ({"cache": redis.url}, {}):
        site = start_server(settings | {"delivery.access_interval": "500ms"})
        if settings:
            site.until(lambda server=site: server.metric("cache_usable") == 1)
        asset = site.put_inspected(encoded(scene(300, 201), "jpeg"))["id"]
        for _ in range(30):
            assert site.get(f"/i/{asset}?w=60&fm=png").status_code == 200

        def accesses(server=site, of=asset):
            variants = server.get(f"/v1/assets/{of}/variants").json()["variants"]
            return sum(variant["accesses"] for variant in variants)  # none: not written yet

        site.until(lambda count=accesses: count() >= 28, 10)
        time.sleep(1.2)
        assert accesses() <= 30, "the first was its making"
        assert requests.get(site.url + "/healthz", timeout=5).status_code == 200
