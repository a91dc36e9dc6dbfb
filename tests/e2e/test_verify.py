# SPDX-License-Identifier: Apache-2.0
"""`calotype verify`, and the promise behind it: a blob with a flipped bit is served to nobody, is
named wherever one looks, and is mended by bringing the same file in again."""

import hashlib
import json
import os
import random
import time

import pytest
import requests
from calotype_server import run_command
from picture_files import encoded, scene
from stacks import Audit

STACKS = ("embedded", "cluster")
MIB = 1 << 20
SEED = random.SystemRandom().randrange(10**9)
# Originals come from S3 itself, upkeep does not interfere, and what has no owner is old at once.
SETTINGS = {"blobs.cache_max_bytes": 0, "verify.shares": 0, "lifecycle.grace": "1ms",
            "lifecycle.scrub_interval": "1h"}


def original_key(sha256):
    return f"raw/{sha256[:2]}/{sha256[2:4]}/{sha256}"


class Store:
    """The blobs of a server, past the server."""

    def __init__(self, server):
        self.place = getattr(server, "place", None)
        self.blobs = server.data / "blobs"

    def _name(self, key):
        return f"{self.place.name}/{key}"

    def read(self, key):
        if self.place:
            return self.place.s3.get_object(Bucket=self.place.bucket,
                                            Key=self._name(key))["Body"].read()
        return (self.blobs / key).read_bytes()

    def write(self, key, content):
        if self.place:
            self.place.s3.put_object(Bucket=self.place.bucket, Key=self._name(key), Body=content)
            return
        path = self.blobs / key
        path.parent.mkdir(parents=True, exist_ok=True)
        times = path.stat() if path.exists() else None
        with open(path, "r+b" if path.exists() else "wb") as file:
            file.write(content)
            file.truncate()
        if times:  # a disk that rots does not say so
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def flip(self, key, at=None):
        content = bytearray(self.read(key))
        place = len(content) // 2 if at is None else at
        content[place] ^= 1 << random.Random(SEED).randrange(8)
        self.write(key, bytes(content))
        return place

    def remove(self, key):
        if self.place:
            self.place.s3.delete_object(Bucket=self.place.bucket, Key=self._name(key))
        else:
            (self.blobs / key).unlink()


def verify(server, *more, code=0):
    """What `calotype verify --json` says, beside the server that runs."""
    options = ["--data", server.folder / "verify"] if getattr(server, "place", None) else \
        ["--data", server.data]
    settings = SETTINGS | (server.place.settings() if getattr(server, "place", None) else {})
    for key, value in settings.items():
        options += ["--set", f"{key}={value}"]
    done = run_command("verify", "--json", *options, *more, program=server.program)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    if code:
        assert "BLOB_CORRUPT" in done.stderr
    return json.loads(done.stdout)


def never_served(server, target, content, **headers):
    """A refusal, or an answer that ends early; and never a byte that is not the file's."""
    for _ in range(2):
        try:
            answer = server.get(target, headers=headers, stream=True)
        except requests.exceptions.ConnectionError:
            continue
        if answer.status_code >= 400:
            server.problem(answer, 500, "BLOB_QUARANTINED")
            continue
        got = b""
        with pytest.raises((requests.exceptions.ChunkedEncodingError,
                            requests.exceptions.ConnectionError)):
            for piece in answer.iter_content(4096):
                got += piece
        begin = int(headers["Range"][6:].split("-")[0]) if "Range" in headers else 0
        assert got == content[begin:begin + len(got)], "a byte that was never stored went out"


@pytest.fixture
def server(start_server):
    return start_server(SETTINGS)


def test_all_is_right_and_every_blob_was_read(server):
    for number in range(3):
        asset = server.put_inspected(encoded(scene(1200 + number, 900), "jpeg"))
        assert server.get(f"/i/{asset['id']}?w=90&fm=webp").status_code == 200
    server.put_settled(b"no picture at all")
    server.until(lambda: len(Audit(server.state()).files()) >= 10)
    files = Audit(server.state()).files()
    said = verify(server)
    assert said["right"] and said["findings"] == [] and said["quarantined"] == []
    assert said["blobs"] == len(files) and said["bytes"] == sum(files.values())
    assert said["rows"] == len(files)
    # Every blob is in exactly one share of a round.
    parts = [verify(server, "--share", f"{number}/3") for number in (1, 2, 3)]
    assert sum(part["blobs"] for part in parts) == len(files)
    assert sum(part["rows"] for part in parts) == len(files)


def test_a_flipped_bit_is_found_named_never_served_and_mended_by_another_upload(server):
    content = random.Random(SEED).randbytes(700_000)
    asset = server.put_settled(content)["id"]
    sha256 = hashlib.sha256(content).hexdigest()
    other = server.put_settled(b"quite another file")["id"]
    assert server.get(f"/v1/assets/{asset}/original").content == content
    store = Store(server)
    store.flip(original_key(sha256))

    said = verify(server, code=1)
    assert not said["right"]
    [finding] = said["findings"]
    assert (finding["blob"], finding["fault"], finding["role"], finding["asset"]) == \
        (original_key(sha256), "corrupt", "original", asset)
    assert [row["blob"] for row in said["quarantined"]] == [original_key(sha256)]

    server.problem(server.get(f"/v1/assets/{asset}/original"), 500, "BLOB_QUARANTINED")
    server.problem(server.get(f"/v1/assets/{asset}/original", headers={"Range": "bytes=0-9"}), 500,
                   "BLOB_QUARANTINED")
    shown = server.get(f"/v1/assets/{asset}").json()
    assert [row["blob"] for row in shown["quarantined"]] == [original_key(sha256)]
    assert server.get(f"/v1/assets/{other}").json()["quarantined"] == []
    assert server.metric("blobs_quarantined") >= 1
    assert server.get(f"/v1/assets/{other}/original").content == b"quite another file"
    # Repairing cannot bring the bytes back, and says so.
    again = verify(server, "--repair", code=1)
    assert [row["blob"] for row in again["quarantined"]] == [original_key(sha256)]

    # It counts as not being here, so whoever has it sends it.
    assert server.session.head(f"{server.url}/v1/assets/sha256:{sha256}").status_code == 404
    answer = server.post(f"/v1/assets/sha256:{sha256}/uploads", json={})
    server.problem(answer, 404, "ASSET_NOT_FOUND")
    healed = server.put(content)
    assert healed["id"] == asset and healed["status"] == "EXISTING"
    assert store.read(original_key(sha256)) == content
    assert server.get(f"/v1/assets/{asset}/original").content == content
    assert server.get(f"/v1/assets/{asset}").json()["quarantined"] == []
    assert server.metric("blobs_quarantined") == 0
    assert verify(server)["right"]


@pytest.mark.parametrize("size, at", [(50_000, 7), (300_000, 290_000), (5 * MIB, 4 * MIB + 3),
                                      (40 * MIB, 33 * MIB)])
def test_a_flipped_bit_is_never_served_before_anybody_has_verified(server, size, at):
    content = random.Random(SEED + size).randbytes(size)
    asset = server.put_settled(content)["id"]
    sha256 = hashlib.sha256(content).hexdigest()
    target = f"/v1/assets/{asset}/original"
    assert server.get(target, headers={"Range": "bytes=5-9"}).content == content[5:10]
    Store(server).flip(original_key(sha256), at)
    never_served(server, target, content, Range=f"bytes={at}-{at + 2}")
    never_served(server, target, content, Range=f"bytes={max(0, at - 300_000)}-")
    never_served(server, target, content)
    server.until(lambda: server.get(f"/v1/assets/{asset}").json()["quarantined"])
    server.problem(server.get(target), 500, "BLOB_QUARANTINED")
    server.put(content)
    assert server.get(target).content == content


def test_a_flipped_bit_is_never_served_by_a_server_that_has_never_read_the_file(server):
    contents = {size: random.Random(SEED + size).randbytes(size) for size in (50_000, 20 * MIB)}
    assets = {size: server.put_settled(content)["id"] for size, content in contents.items()}
    assert server.stop() == 0
    server.start()
    for size, content in contents.items():
        at = size - 10
        Store(server).flip(original_key(hashlib.sha256(content).hexdigest()), at)
        target = f"/v1/assets/{assets[size]}/original"
        never_served(server, target, content, Range=f"bytes={at - 5}-{at + 5}")
        never_served(server, target, content)


def test_no_picture_is_made_of_damaged_bytes(server):
    content = encoded(scene(1600, 1200), "png")
    asset = server.put_inspected(content)
    Store(server).flip(original_key(asset["sha256"]))
    server.problem(server.get(f"/i/{asset['id']}?w=1500&fm=webp"), 500, "BLOB_QUARANTINED")
    # What is made of the proof is as right as ever.
    assert server.get(f"/i/{asset['id']}?w=100&fm=webp").status_code == 200


def test_damaged_proofs_and_variants_are_made_again(server):
    asset = server.put_inspected(encoded(scene(2000, 1500), "jpeg"))["id"]
    picture = server.get(f"/i/{asset}?w=200&fm=webp")
    assert picture.status_code == 200
    audit = Audit(server.state())
    kinds = ("proofs/", "variants/")
    server.until(lambda: all(any(key.startswith(kind) for key in audit.files()) for kind in kinds))
    keys = {kind: [key for key in audit.files() if key.startswith(kind)] for kind in kinds}
    store = Store(server)
    for kind in kinds:
        for key in keys[kind]:
            store.flip(key)
    said = verify(server, code=1)
    assert {finding["role"] for finding in said["findings"]} == {"proof", "variant"}
    assert all(not finding["mended"] for finding in said["findings"])
    named = {row["blob"] for row in server.get(f"/v1/assets/{asset}").json()["quarantined"]}
    assert named == {key for kind in kinds for key in keys[kind]}

    said = verify(server, "--repair")
    assert said["right"] and all(finding["mended"] for finding in said["findings"])
    again = server.get(f"/i/{asset}?w=200&fm=webp")
    assert again.status_code == 200 and again.content
    server.until(lambda: any(key.startswith("proofs/") and key not in keys["proofs/"]
                             for key in audit.files()), 30)
    server.until(lambda: not audit.unfinished())
    assert server.get(f"/v1/assets/{asset}").json()["quarantined"] == []
    audit.assert_every_row_has_its_bytes()
    assert verify(server)["right"]


def test_a_damaged_proof_is_not_used_even_where_nobody_has_verified(server):
    asset = server.put_inspected(encoded(scene(2000, 1500), "jpeg"))["id"]
    audit = Audit(server.state())
    [proof] = [key for key in audit.files() if key.startswith("proofs/")]
    assert server.stop() == 0
    Store(server).flip(proof)
    server.start()
    assert server.get(f"/i/{asset}?w=120&fm=webp").status_code == 200
    server.until(lambda: any(key.startswith("proofs/") and key != proof for key in audit.files()))


def test_what_is_lost_or_has_no_owner_is_told_and_mended(server):
    content = encoded(scene(900, 700), "png")
    asset = server.put_inspected(content)
    assert server.get(f"/i/{asset['id']}?w=90&fm=webp").status_code == 200
    audit = Audit(server.state())
    server.until(lambda: any(key.startswith("variants/") for key in audit.files()))
    [variant] = [key for key in audit.files() if key.startswith("variants/")]
    store = Store(server)
    store.remove(original_key(asset["sha256"]))
    store.remove(variant)
    stray = hashlib.sha256(b"a stray").hexdigest()
    store.write(original_key(stray), b"a stray")
    store.write(f"variants/{stray[:2]}/{stray[2:4]}/{stray}-tokenoftheirs", b"a stray")
    time.sleep(1.1)  # past the grace period, in S3's seconds
    said = verify(server, code=1)
    faults = {(finding["fault"], finding["role"]) for finding in said["findings"]}
    assert faults == {("missing", "original"), ("missing", "variant"), ("orphan", "original"),
                      ("orphan", "variant")}
    said = verify(server, "--repair", code=1)
    [unmended] = [finding for finding in said["findings"] if not finding["mended"]]
    assert (unmended["fault"], unmended["asset"]) == ("missing", asset["id"])
    server.until(lambda: original_key(stray) not in audit.files())
    server.put(content)
    said = verify(server)
    assert said["right"], said
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content


def test_bytes_that_are_put_back_by_hand_leave_quarantine(server):
    content = b"restored from a tape" * 100
    asset = server.put_settled(content)["id"]
    key = original_key(hashlib.sha256(content).hexdigest())
    store = Store(server)
    store.flip(key)
    verify(server, code=1)
    store.write(key, content)
    said = verify(server)
    assert said["healed"] == 1 and said["quarantined"] == []
    assert server.get(f"/v1/assets/{asset}/original").content == content


def test_deleting_the_asset_ends_its_quarantine(server):
    content = b"deleted while quarantined" * 50
    asset = server.put_settled(content)["id"]
    Store(server).flip(original_key(hashlib.sha256(content).hexdigest()))
    verify(server, code=1)
    assert server.delete(f"/v1/assets/{asset}").status_code == 204
    server.until(lambda: verify_says_right(server))
    assert server.put(content)["status"] == "PENDING"
    assert server.get(f"/v1/assets/{asset}/original").content == content


def verify_says_right(server):
    try:
        return verify(server)["right"]
    except AssertionError:
        return False


def test_a_server_verifies_a_share_now_and_then(start_server):
    server = start_server(SETTINGS | {"verify.shares": 2, "verify.interval": "200ms"})
    contents = [random.Random(SEED + number).randbytes(3000) for number in range(6)]
    for content in contents:
        server.put_settled(content)
    Store(server).flip(original_key(hashlib.sha256(contents[0]).hexdigest()))
    server.until(lambda: server.metric("blobs_quarantined") >= 1)
    assert server.metric("verified_blobs_total") >= 1
    assert server.metric("verify_faults_total") >= 1


def test_nothing_to_verify_and_nonsense_are_said(tmp_path, stack):
    if stack != "embedded":
        pytest.skip("of the command alone")
    done = run_command("verify", "--data", tmp_path / "none")
    assert done.returncode == 1 and "There is nothing to verify" in done.stderr
    assert not (tmp_path / "none").exists()
    done = run_command("verify", "--share", "4/3", "--data", tmp_path)
    assert done.returncode == 1 and "--share" in done.stderr


def test_the_report_for_people(server):
    content = b"a report" * 40
    asset = server.put_settled(content)["id"]
    options = ["--data", server.data]
    if getattr(server, "place", None):
        options = ["--data", server.folder / "verify"]
        for key, value in server.place.settings().items():
            options += ["--set", f"{key}={value}"]
    done = run_command("verify", *options, program=server.program)
    assert done.returncode == 0 and "All is right." in done.stdout and "Hashed 1 blobs" in \
        done.stdout
    Store(server).flip(original_key(hashlib.sha256(content).hexdigest()))
    done = run_command("verify", *options, program=server.program)
    assert done.returncode == 1
    assert f"original corrupt: {original_key(hashlib.sha256(content).hexdigest())}" in done.stdout
    assert asset in done.stdout and "bring the file in again" in done.stdout
