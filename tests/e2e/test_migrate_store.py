# SPDX-License-Identifier: Apache-2.0
"""`calotype migrate-store`: all that is kept arrives, what is interrupted goes on, what is damaged
or in use is refused, and the way back is the same way."""

import hashlib
import json
import random
import shutil
import signal
import subprocess
import time

import pytest
from calotype_server import Server, plain_environment, run_command
from picture_files import encoded, scene
from stacks import Audit, Cluster, ClusterPlace, has_cluster

SEED = random.SystemRandom().randrange(10**9)


class Home:
    """A data folder and the server on it."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.server = Server(folder)
        self.data = self.server.data


def filled(folder, count=12):
    """A server's data with originals, proofs, variants, a deletion, a failure and a key."""
    home = Home(folder)
    server = home.server.start()
    known = []
    for number in range(count):
        asset = server.put_inspected(encoded(scene(300 + number, 200), "jpeg"))
        picture = server.get(f"/i/{asset['id']}?w=90&fm=webp")
        assert picture.status_code == 200
        known.append((asset["id"], asset["sha256"], picture.content))
    gone = server.put_inspected(encoded(scene(250, 250), "png"))["id"]
    assert server.delete(f"/v1/assets/{gone}").status_code == 204
    server.put_settled(b"\xff\xd8\xff\xe0 no picture at all")
    server.until(lambda: not variants_in_memory(server))
    assert server.stop() == 0
    return home, known, gone


def variants_in_memory(server):
    """Variants are stored behind their answers."""
    ids = [asset["id"] for asset in server.get("/v1/assets?limit=1000").json()["assets"]]
    states = [server.get(f"/v1/assets/{asset}").json()["state"] for asset in ids]
    return "METADATA_READY" in states


def migrate(home, to, *more):
    targets = [word for key, value in to.items() for word in ("--to", f"{key}={value}")]
    return run_command("migrate-store", "--data", home.data, *targets, *more)


def places(folder):
    """A target of the embedded kind."""
    return {"data": folder, "catalog": "", "blobs": ""}


def moved(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def assert_all_there(server, known, gone):
    for asset, sha256, picture in known:
        original = server.get(f"/v1/assets/{asset}/original")
        assert hashlib.sha256(original.content).hexdigest() == sha256
        answer = server.get(f"/i/{asset}?w=90&fm=webp")
        assert answer.headers["X-Cache"] == "HIT" and answer.content == picture
        assert len(server.get(f"/v1/assets/{asset}/events").json()["events"]) >= 3
    assert server.get(f"/v1/assets/{gone}").status_code == 404
    again = server.put(encoded(scene(300, 200), "jpeg"))
    assert again["status"] == "EXISTING"
    assert server.put_inspected(encoded(scene(500, 200), "jpeg"))  # and it goes on


def serve_at(folder, data, settings=None):
    folder.mkdir(exist_ok=True)
    server = Server(folder, settings)
    server.data = data
    return server.start()


def test_everything_arrives_and_is_served(tmp_path):
    home, known, gone = filled(tmp_path / "old")
    report = moved(migrate(home, places(tmp_path / "new"), "--json"))
    assert report["moved"] and not report["resumed"] and not report["damaged"]
    assert report["blobs"] == report["blobs_copied"] >= 2 * len(known)
    assert report["rows"] == report["rows_copied"] > 6 * len(known)
    server = serve_at(tmp_path / "b", tmp_path / "new")
    try:
        assert_all_there(server, known, gone)
    finally:
        server.stop()
    server = home.server.start()  # the source is as it was
    try:
        assert_all_there(server, known, gone)
    finally:
        server.stop()


def test_a_person_is_told_how_it_goes(tmp_path):
    home, _, _ = filled(tmp_path / "old", 1)
    done = migrate(home, places(tmp_path / "new"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Moved ") and "agrees" in done.stdout
    for step in ("copying blobs", "copying rows", "comparing rows", "reading every blob back"):
        assert step in done.stderr


def test_killed_at_any_instant_it_goes_on(tmp_path):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    home, known, gone = filled(tmp_path / "old", 20)
    target = places(tmp_path / "new")
    command = [str(home.server.program), "migrate-store", "--data", str(home.data), "--json"]
    for key, value in target.items():
        command += ["--to", f"{key}={value}"]
    began = time.monotonic()
    moved(run_command(*command[1:-6], "--to", f"data={tmp_path / 'measure'}", "--to", "catalog=",
                      "--to", "blobs=", "--json"))
    whole = time.monotonic() - began
    shutil.rmtree(tmp_path / "measure")
    killed = 0
    for _ in range(12):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=plain_environment())
        # One that goes on has less to do: the first ones die early, so that there are some.
        time.sleep(chance.uniform(0, whole if killed >= 3 else whole / 2))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if killed and chance.random() < 0.3:  # and the source goes on in between
            server = home.server.start()
            asset = server.put_inspected(encoded(scene(700 + killed, 90), "jpeg"))
            picture = server.get(f"/i/{asset['id']}?w=90&fm=webp").content
            server.until(lambda: not variants_in_memory(server))
            known.append((asset["id"], asset["sha256"], picture))
            server.stop()
            if process.returncode == 0:
                break
    assert killed >= 3, "the move ended before it could be killed"
    done = migrate(home, target, "--json")
    if done.returncode != 0:  # one run was so quick that it had ended before it was killed
        assert "holds assets" in done.stderr, done.stderr
    server = serve_at(tmp_path / "b", tmp_path / "new")
    try:
        if done.returncode == 0:
            assert_all_there(server, known, gone)
    finally:
        server.stop()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_says_how_to_go_on(tmp_path, how):
    home, known, gone = filled(tmp_path / "old", 20)
    for number in range(20):  # until one is not too quick for it
        target = places(tmp_path / f"new-{number}")
        command = [str(home.server.program), "migrate-store", "--data", str(home.data), "--json"]
        for key, value in target.items():
            command += ["--to", f"{key}={value}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=plain_environment())
        process.stdout.readline()
        process.send_signal(how)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, 1), said
        if process.returncode:
            break
    assert process.returncode == 1, "it was never stopped in the middle"
    assert "CANCELLED" in said and "Run it again" in said
    assert moved(migrate(home, target, "--json"))["resumed"]
    server = serve_at(tmp_path / "b", target["data"])
    try:
        assert_all_there(server, known, gone)
    finally:
        server.stop()


def test_half_a_catalog_is_not_served(tmp_path):
    home, _, _ = filled(tmp_path / "old", 3)
    victim = next((home.data / "blobs/raw").rglob("*/*/*"))
    victim.write_bytes(b"damaged")
    done = migrate(home, places(tmp_path / "new"))
    assert done.returncode == 1
    assert "BLOB_CORRUPT" in done.stderr and victim.name in done.stderr
    refused = run_command("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "new")
    assert refused.returncode == 1 and "being filled" in refused.stderr
    report = moved(migrate(home, places(tmp_path / "new"), "--json", "--skip-damaged"))
    assert report["resumed"]
    assert [key.rsplit("/", 1)[1] for key in report["damaged"]] == [victim.name]
    serve_at(tmp_path / "b", tmp_path / "new").stop()


def test_bytes_damaged_on_the_target_are_copied_again(tmp_path):
    home, known, gone = filled(tmp_path / "old", 3)
    originals = sorted((home.data / "blobs/raw").rglob("*/*/*"))
    lost = originals[0]
    aside = tmp_path / "aside"
    lost.rename(aside)
    done = migrate(home, places(tmp_path / "new"))  # stays half done
    assert done.returncode == 1 and "missing" in done.stderr
    aside.rename(lost)
    copy = tmp_path / "new/blobs" / originals[1].relative_to(home.data / "blobs")
    copy.write_bytes(b"x" * copy.stat().st_size)
    report = moved(migrate(home, places(tmp_path / "new"), "--json"))
    assert report["resumed"] and report["blobs_copied"] == 2
    server = serve_at(tmp_path / "b", tmp_path / "new")
    try:
        assert_all_there(server, known, gone)
    finally:
        server.stop()


def refused(done, *words):
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("calotype migrate-store: BAD_CONFIG: "), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_what_is_in_use_or_holds_something_else_is_refused(tmp_path):
    home, _, _ = filled(tmp_path / "old", 1)
    other, _, _ = filled(tmp_path / "other", 1)
    refused(migrate(home, places(other.data)), "holds assets")
    shutil.rmtree(tmp_path / "empty", ignore_errors=True)
    stray = tmp_path / "stray"
    serve_at(tmp_path / "b", stray).stop()  # an empty one that was served is empty
    raw = next((home.data / "blobs/raw").rglob("*/*/*"))
    copy = stray / "blobs" / raw.relative_to(home.data / "blobs")
    copy.parent.mkdir(parents=True)
    shutil.copy(raw, copy)
    refused(migrate(home, places(stray)), "holds blobs", raw.name)
    copy.unlink()
    server = home.server.start()
    refused(migrate(home, places(stray)), "Stop it first")
    server.stop()
    server = serve_at(tmp_path / "c", stray)
    refused(migrate(home, places(stray)), "Stop it first")
    server.stop()
    assert moved(migrate(home, places(stray), "--json"))["blobs"]


@pytest.mark.parametrize("to, word", [
    ({}, "--to"),
    ({"catalog": "mysql://db"}, "catalog"),
    ({"blobs": "ftp://host"}, "blobs"),
    ({"catalgo": "sqlite:x"}, "catalog"),
])
def test_bad_targets_are_said_plainly(tmp_path, to, word):
    home, _, _ = filled(tmp_path / "old", 1)
    refused(migrate(home, to), word)


def test_a_source_that_is_not_there_is_not_made(tmp_path):
    home = Home(tmp_path / "old")
    refused(migrate(home, places(tmp_path / "new")), "nothing to move")
    assert not home.data.exists() and not (tmp_path / "new").exists()


def test_blobs_may_move_alone(tmp_path):
    home, known, gone = filled(tmp_path / "old", 2)
    blobs = f"folder:{tmp_path / 'elsewhere'}"
    assert moved(migrate(home, {"blobs": blobs}, "--json"))["rows"] == 0
    shutil.rmtree(home.data / "blobs")
    server = serve_at(tmp_path / "b", home.data, {"blobs": blobs})
    try:
        assert_all_there(server, known, gone)
    finally:
        server.stop()


# ---- to many machines ----------------------------------------------------------------------------

@pytest.fixture
def place():
    if not has_cluster():
        pytest.skip("PostgreSQL, S3 and Redis are not in the environment")
    place = ClusterPlace.of_environment()
    yield place
    place.drop()


def there(place):
    return {"catalog": place.catalog, "blobs": place.blobs}


def test_to_many_machines_and_back(tmp_path, place):
    home, known, gone = filled(tmp_path / "old")
    report = moved(migrate(home, there(place), "--json"))
    assert report["blobs"] == report["blobs_copied"] >= 2 * len(known)
    assert report["rows"] > 6 * len(known) and not report["damaged"]
    (tmp_path / "many").mkdir()
    cluster = Cluster(tmp_path / "many", place=place)
    try:
        cluster.start()
        assert_all_there(cluster, known, gone)
        new = cluster.put_inspected(encoded(scene(640, 360), "jpeg"))
        picture = cluster.get(f"/i/{new['id']}?w=90&fm=webp").content
        cluster.until(lambda: not variants_in_memory_of(cluster, new["id"]))
        known.append((new["id"], new["sha256"], picture))
        sources = [word for key, value in there(place).items()
                   for word in ("--set", f"{key}={value}")]
        back = ["migrate-store", "--data", tmp_path / "here", *sources, "--json",
                *(word for key, value in places(tmp_path / "new").items()
                  for word in ("--to", f"{key}={value}"))]
        in_use = run_command(*back)
        assert in_use.returncode == 1 and "Stop" in in_use.stderr, in_use.stderr
        assert cluster.stop() == 0
        report = moved(run_command(*back))
    finally:
        cluster.kill()
    server = serve_at(tmp_path / "b", tmp_path / "new")
    try:
        assert_all_there(server, known, gone)
        server.until(lambda: not Audit(server.state()).unfinished(), 60)
        Audit(server.state()).assert_every_row_has_its_bytes()
    finally:
        server.stop()


def variants_in_memory_of(server, asset):
    return server.get(f"/v1/assets/{asset}").json()["state"] == "METADATA_READY"


def test_killed_on_its_way_to_many_machines_it_goes_on(tmp_path, place):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    home, known, gone = filled(tmp_path / "old", 20)
    command = [str(home.server.program), "migrate-store", "--data", str(home.data)]
    for key, value in there(place).items():
        command += ["--to", f"{key}={value}"]
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=plain_environment())
        time.sleep(chance.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
    done = migrate(home, there(place), "--json")
    assert done.returncode == 0 or "holds assets" in done.stderr, done.stderr
    (tmp_path / "many").mkdir()
    cluster = Cluster(tmp_path / "many", place=place)
    try:
        assert_all_there(cluster.start(), known, gone)
        Audit(cluster.state()).assert_every_row_has_its_bytes()
    finally:
        cluster.kill()
