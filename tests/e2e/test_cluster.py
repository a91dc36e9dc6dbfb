# SPDX-License-Identifier: Apache-2.0
"""Two servers and two workers on one PostgreSQL, one bucket and one Redis: what is asked of several
machines at the same moment happens once, and who was asleep too long is not believed."""

import hashlib
import struct
import threading
import time

import pytest
import requests
import stacks
from picture_files import encoded, scene
from stacks import Audit, pause, resume

STACKS = ("cluster",)
SETTINGS = {"lifecycle.grace": "1s", "lifecycle.scrub_interval": "300ms"}
EVERYWHERE = 64
# A lease that nobody extends is over by then.
LEASE_SECONDS = 10


def at_once(work, count=EVERYWHERE):
    """What `work(number)` gave, from as many threads that begin together."""
    results, gate = [None] * count, threading.Barrier(count)

    def run(number):
        gate.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def large(number, size=(6000, 4000)):
    """A picture that takes a renderer a while, and is another one for each number."""
    content = encoded(scene(*size), "jpeg")
    comment = b"large %d" % number
    return content[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + content[2:]


def test_the_same_upload_from_everywhere_is_one_asset_and_one_blob(site):
    content = encoded(scene(641, 479), "jpeg")
    urls = [server.url for server in site.servers]
    answers = at_once(lambda number: requests.post(
        urls[number % 2] + "/v1/assets", data=content, timeout=60,
        headers={"X-Filename": f"{number}.jpg"}))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert [answer.status_code for answer in answers].count(201) == 1
    said = [answer.json() for answer in answers]
    assert len({one["id"] for one in said}) == 1
    assert len({one["upload"] for one in said}) == EVERYWHERE
    asset = site.settled(said[0]["id"])
    assert asset["state"] == "METADATA_READY"
    key = hashlib.sha256(content).hexdigest()
    assert [name for name in site.state().files() if name.endswith(key)] == \
        [f"raw/{key[:2]}/{key[2:4]}/{key}"]
    assert len(site.state().rows(f"SELECT 1 FROM asset WHERE id = '{asset['id']}'")) == 1
    assert len(site.state().rows("SELECT u.id FROM upload u JOIN asset a USING (asset_no) "
                                 f"WHERE a.id = '{asset['id']}'")) == EVERYWHERE


def test_the_same_first_request_everywhere_renders_once(site):
    asset = site.put_inspected(encoded(scene(1200, 800), "jpeg"))
    urls = [server.url for server in site.servers]
    before, rendered = set(site.state().files()), renders(site)
    answers = at_once(lambda number: requests.get(
        f"{urls[number % 2]}/i/{asset['id']}?w=500&fm=webp", timeout=60))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    site.until(lambda: variants(site, asset["id"]))
    rows = variants(site, asset["id"])
    assert len(rows) == 1
    assert renders(site) == rendered + 1
    made = [key for key in set(site.state().files()) - before if key.startswith("variants/")]
    assert made == [rows[0][0]]


def renders(site):
    """How many pictures the renderers of all machines were asked to make, ever."""
    return site.metric("variant_render_duration_seconds_count")


def variants(site, asset):
    """Blob key and fence of each that is stored."""
    return site.state().rows("SELECT v.blob_key, v.fence FROM variant v JOIN asset a "
                             f"USING (asset_no) WHERE a.id = '{asset}' AND v.blob_key IS NOT NULL")


def proofs(site, asset):
    return site.state().rows("SELECT m.proof_key FROM media m JOIN asset a USING (asset_no) "
                             f"WHERE a.id = '{asset}'")


def running_jobs(site, asset):
    return site.state().rows(f"SELECT fence FROM job WHERE asset_id = '{asset}' "
                             "AND state = 'running' AND kind = 'inspect'")


def test_a_worker_that_slept_past_its_lease_overwrites_nothing(start_server):
    site = start_server(SETTINGS)
    sleeper, successor = site.workers
    assert successor.stop() == 0
    for number in range(20):  # until it was caught at work
        asset = site.put(large(number))["id"]
        site.until(lambda: running_jobs(site, asset) or site.get(f"/v1/assets/{asset}").json()
                   ["state"] in ("METADATA_READY",))
        pause(sleeper)
        if running_jobs(site, asset):
            break
        resume(sleeper)
        site.settled(asset)
    else:
        pytest.fail("the worker was never caught at work")
    before = running_jobs(site, asset)
    successor.start()
    began = time.monotonic()
    assert site.settled(asset, 2 * LEASE_SECONDS)["state"] == "METADATA_READY"
    assert time.monotonic() - began < LEASE_SECONDS + 10
    proof, story = proofs(site, asset), site.get(f"/v1/assets/{asset}/events").json()
    assert before and proof
    resume(sleeper)
    assert successor.stop() == 0
    again = site.put_inspected(large(100))  # the sleeper is awake, and has done with the old one
    assert proofs(site, again["id"])
    assert proofs(site, asset) == proof
    assert site.get(f"/v1/assets/{asset}/events").json() == story
    assert [event["to"] for event in story["events"]].count("METADATA_READY") == 1
    site.until(lambda: not Audit(site.state()).unowned(), 30)  # its own proof is not kept
    assert not Audit(site.state()).unfinished()


def test_a_server_that_slept_past_its_lease_overwrites_nothing(start_server):
    site = start_server(SETTINGS)
    sleeper, successor = site.servers
    asset = site.put_inspected(large(7))["id"]
    target = f"/i/{asset}?w=3000&fm=webp"
    answers = []
    asker = threading.Thread(target=lambda: answers.append(
        requests.get(sleeper.url + target, timeout=120)))
    asker.start()
    leases = f"SELECT v.fence FROM variant v JOIN asset a USING (asset_no) WHERE a.id = '{asset}'"
    site.until(lambda: site.state().rows(leases))
    pause(sleeper)
    try:
        if variants(site, asset):
            pytest.skip("the picture was made before the server could be paused")
        answer = requests.get(successor.url + target, timeout=60)
        while answer.status_code == 503:  # waits for the lease's end, within its own limit
            assert answer.headers["Retry-After"]
            answer = requests.get(successor.url + target, timeout=60)
        assert answer.status_code == 200
        successor.until(lambda: variants(site, asset))
        row = variants(site, asset)
    finally:
        resume(sleeper)
    asker.join()
    assert answers[0].status_code in (200, 503)
    assert answers[0].status_code == 503 or answers[0].content == answer.content
    time.sleep(1)
    assert variants(site, asset) == row
    site.until(lambda: not Audit(site.state()).unowned(), 30)


def test_a_deletion_is_known_to_the_other_server(site):
    asset = site.put_inspected(encoded(scene(410, 300), "jpeg"))
    target = f"/i/{asset['id']}?w=77&fm=png"
    for server in site.servers * 3:  # hot in both
        assert requests.get(server.url + target, timeout=30).status_code == 200
    first, second = site.servers
    assert requests.delete(f"{first.url}/v1/assets/{asset['id']}", timeout=30).status_code == 204
    assert requests.get(first.url + target, timeout=30).status_code == 404
    second.until(lambda: requests.get(second.url + target, timeout=30).status_code == 404, 3)


def test_a_key_that_was_revoked_on_one_server_is_worthless_on_the_other(start_server):
    site = start_server()
    first, second = site.servers
    made = requests.post(first.url + "/v1/keys", timeout=30,
                         json={"name": "all", "scopes": ["read", "write", "admin"]}).json()
    bearer = {"Authorization": f"Bearer {made['key']}"}

    def listing(server, headers):
        return requests.get(server.url + "/v1/assets", headers=headers, timeout=30).status_code

    second.until(lambda: listing(second, {}) == 401, 5)
    assert listing(second, bearer) == 200
    assert requests.delete(f"{first.url}/v1/keys/{made['id']}", headers=bearer,
                           timeout=30).status_code == 204
    second.until(lambda: listing(second, bearer) in (200, 401) and
                 (listing(second, bearer) == 401 or listing(second, {}) == 200), 5)


def test_servers_without_workers_do_no_jobs(start_server):
    site = start_server()
    for worker in site.workers:
        assert worker.stop() == 0
    asset = site.put(encoded(scene(222, 111), "png"))["id"]
    time.sleep(1)
    assert site.get(f"/v1/assets/{asset}").json()["state"] == "INGESTED"
    site.problem(site.get(f"/asset/{asset}/variant/thumb"), 202, "ASSET_PROCESSING")
    site.workers[0].start()
    assert site.settled(asset, 10)["state"] == "METADATA_READY"


def test_a_worker_drains_and_gives_back(start_server):
    """SIGTERM while it works: what it holds ends or is given back, at once and whole."""
    site = start_server()
    ids = [site.put(large(number, (3000, 2000)))["id"] for number in range(6)]
    assert site.workers[0].stop() == 0
    for asset in ids:
        assert site.settled(asset, 60)["state"] == "METADATA_READY"
    attempts = site.state().rows("SELECT kind, attempts FROM job WHERE state = 'dead'")
    assert attempts == []


assert stacks  # the fixtures' module
