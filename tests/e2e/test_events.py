# SPDX-License-Identifier: Apache-2.0
"""GET /v1/events: what happens is told to whoever listens, by every server, whole and in one order;
who comes back misses nothing and sees nothing twice."""

import contextlib
import json
import socket
import threading
import time

import pytest
import requests
from picture_files import encoded, scene
from test_http_access import bearer, make_key

STACKS = ("embedded", "cluster")


class Listener:
    """A client of one server; events are (id, name, data)."""

    def __init__(self, url, last=None, key=None):
        headers = {"Last-Event-ID": last} if last else {}
        self.answer = requests.get(url + "/v1/events", stream=True, timeout=(20, 40),
                                   headers=headers | (bearer(key) if key else {}))
        self.lines = self.answer.iter_lines(chunk_size=1)
        self.id = last

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()

    def next(self):
        """The next event; None at the end of the stream."""
        name = data = None
        with contextlib.suppress(requests.exceptions.ChunkedEncodingError):
            for line in self.lines:
                field, _, value = line.decode().partition(": ")
                if field == "id":
                    self.id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data = json.loads(value)
                elif not line and name:
                    return self.id, name, data
        return None

    def until(self, condition):
        """Events up to the first that the condition holds for."""
        found = []
        while not found or not condition(found[-1]):
            event = self.next()
            assert event, f"the stream ended behind {found}"
            found.append(event)
        return found


def story(events, asset=None):
    return [data["to"] for _, name, data in events
            if name == "state" and asset in (None, data["asset"])]


def is_of(asset, state):
    return lambda event: event[1] == "state" and event[2]["asset"] == asset and \
        event[2]["to"] == state


def urls(site):
    """Of each server."""
    return [part.url for part in getattr(site, "servers", [site])]


def test_an_assets_whole_story_is_told_by_every_server(site):
    listeners = [Listener(url) for url in urls(site)]
    for listener in listeners:
        assert listener.answer.headers["Content-Type"] == "text/event-stream"
        assert listener.answer.headers["X-Accel-Buffering"] == "no"
        assert listener.answer.headers["Cache-Control"] == "no-store"
    asset = site.put_inspected(encoded(scene(310, 200), "jpeg"))["id"]
    assert site.get(f"/i/{asset}?w=50").status_code == 200
    site.until(lambda: site.get(f"/v1/assets/{asset}").json()["state"] == "VARIANTS_READY")
    assert site.delete(f"/v1/assets/{asset}").status_code == 204
    for listener in listeners:
        with listener:
            events = listener.until(is_of(asset, "DELETED"))
            assert story(events, asset) == ["INGESTED", "DEDUP_CHECK", "METADATA_READY",
                                            "VARIANTS_READY", "DELETED"]
            ids = [tuple(map(int, event[0].split("-"))) for event in events]
            assert ids == sorted(set(ids))
            first = next(data for _, _, data in events if data["asset"] == asset)
            assert first["from"] is None and first["at"].endswith("Z")


def test_what_changes_no_state_is_told_too(site):
    """Tags and collections, the focal point, one more upload, an upload that goes."""
    content = encoded(scene(320, 210), "jpeg")
    asset = site.put_inspected(content)["id"]
    for url in urls(site):
        with Listener(url) as listener:
            steps = [
                lambda: site.post("/v1/assets/bulk", json={"ids": [asset], "add_tags": ["sea"]}),
                lambda: site.session.put(f"{site.url}/v1/assets/{asset}/focal-point",
                                         json={"x": 0.25, "y": 0.5}),
                lambda: site.post("/v1/assets", data=content, params={"file_name": "again.jpg"}),
                lambda: site.delete(f"/v1/assets/{asset}/uploads/" + site.get(
                    f"/v1/assets/{asset}").json()["uploads"][-1]["id"])]
            for step in steps:
                assert step().status_code in (200, 204)
                data = listener.until(lambda event: event[1] == "changed")[-1][2]
                assert data["asset"] == asset and data["from"] == data["to"] == "METADATA_READY"
    events = site.get(f"/v1/assets/{asset}/events").json()["events"]
    told = [event["because"] for event in events[3:6]]
    assert told == ["retagged", "focal point set", "an upload was deleted"]


def test_who_comes_back_misses_nothing_and_sees_nothing_twice(site):
    with Listener(urls(site)[0]) as listener:
        site.put(b"before")
        seen = listener.until(lambda event: event[2].get("to") == "INGESTED")
    assets = [site.put_settled(f"meanwhile {number}".encode())["id"] for number in range(5)]
    for url in urls(site):
        with Listener(url, seen[-1][0]) as listener:
            last = site.put(f"after, to {url}".encode())["id"]
            events = listener.until(is_of(last, "INGESTED"))
            for asset in assets:
                assert story(events, asset)[:2] == ["INGESTED", "DEDUP_CHECK"]
            ids = [event[0] for event in events]
            assert len(ids) == len(set(ids)) and seen[-1][0] not in ids
            assert not [name for _, name, _ in events if name == "gap"]


def test_an_event_id_outlives_the_server(start_server):
    site = start_server()
    with Listener(urls(site)[0]) as listener:
        site.put(b"first")
        listener.until(lambda event: event[2]["to"] == "INGESTED")
        seen = listener.id
    second = site.put_settled(b"second")["id"]
    assert site.stop() == 0
    site.start()
    with Listener(urls(site)[-1], seen) as listener:
        assert story(listener.until(is_of(second, "METADATA_READY")), second) == [
            "INGESTED", "DEDUP_CHECK", "METADATA_READY"]


@pytest.mark.parametrize("unknown", ["junk", "1-2", "99999999999999-1-1", "\xe9"])
def test_an_id_that_is_none_of_ours_is_a_gap(site, unknown):
    with Listener(urls(site)[0], unknown.encode("latin-1")) as listener:
        assert listener.next()[1] == "gap"
        site.put(f"behind the gap of {unknown}".encode())
        assert listener.next()[1] == "state"


def test_all_listeners_hear_the_same_in_the_same_order(site):
    listeners = [Listener(url) for url in urls(site) * 8]
    content = [f"of many {number} {time.time()}".encode() for number in range(24)]
    threads = [threading.Thread(target=lambda part: [site.put(one) for one in part],
                                args=(content[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = site.put(b"the last of many" + str(time.time()).encode())["id"]
    heard = []
    for listener in listeners:
        with listener:
            heard.append(listener.until(is_of(last, "INGESTED")))
    ends = {tuple(event[0] for event in events[-20:]) for events in heard}
    assert len(ends) == 1, "one order"


def test_it_needs_the_scope_read_and_ends_with_the_key(start_server):
    site = start_server()
    admin = make_key(site, ["admin"])["key"]
    made = make_key(site, ["read"], admin)
    write = make_key(site, ["write"], admin)["key"]
    url = urls(site)[0]
    assert requests.get(url + "/v1/events", timeout=20).status_code == 401
    assert requests.get(url + "/v1/events", timeout=20, headers=bearer(write)).status_code == 403
    with Listener(url, key=made["key"]) as listener:
        assert listener.answer.status_code == 200
        assert site.delete(f"/v1/keys/{made['id']}", headers=bearer(admin)).status_code == 204
        time.sleep(1)
        assert site.post("/v1/assets", data=b"unheard", headers=bearer(write)).status_code == 201
        assert listener.next() is None


def test_who_has_gone_is_forgotten(site):
    for _ in range(20):
        with Listener(urls(site)[0]):
            pass
    site.until(lambda: site.metric("event_listeners") == 0)


def test_a_client_that_stops_reading_does_not_hold_the_others_up(site):
    port = int(urls(site)[0].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as asleep:
        asleep.sendall(b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n")
        with Listener(urls(site)[0]) as listener:
            for number in range(30):
                asset = site.put(f"while it sleeps {number} {time.time()}".encode())["id"]
                listener.until(is_of(asset, "INGESTED"))


def test_the_stream_ends_when_the_server_stops(start_server):
    site = start_server()
    listeners = [Listener(url) for url in urls(site) * 3]
    began = time.monotonic()
    assert site.stop() == 0
    assert time.monotonic() - began < 8
    for listener in listeners:
        assert listener.next() is None


def test_head_has_no_stream(site):
    head = site.session.head(urls(site)[0] + "/v1/events", timeout=20)
    assert head.status_code == 200 and head.headers["Content-Type"] == "text/event-stream"
