# SPDX-License-Identifier: Apache-2.0
"""tus as others speak it: tus-js-client in Node, unchanged, and what other clients and conformance
suites send that ours do not."""

import json
import os
import random
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from raw_http import RawConnection, ask
from tus_client import BODY, VERSION, Tus, checksum, encoded

STACKS = ("embedded", "cluster")
SCRIPT = Path(__file__).with_name("tus_js_client.mjs")


@pytest.fixture
def tus(site):
    return Tus(site)


def parts(site, url):
    return [key for key in site.state().files() if url[8:] in key]


def uploads(site):
    return site.state().rows("SELECT id FROM resumable_upload "
                             "WHERE state = 'receiving' ORDER BY id")


def raw(method, target, fields, body=b"", version="1.1"):
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {target} HTTP/{version}\r\nHost: x\r\n{head}\r\n".encode("latin-1") + body


# ---- tus-js-client ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [
    "whole", "chunks", "with_creation", "post_instead_of_patch", "stream_of_known_size",
    "stream_of_unknown_size", "unknown_size_with_creation", "in_parallel",
    "in_parallel_with_metadata", "gone_on_with"])
def test_tus_js_client(site, tmp_path, case):
    content = os.urandom(1_000_003)
    (tmp_path / "file").write_bytes(content)
    done = subprocess.run(["node", SCRIPT, site.url + "/v1/tus/", case, tmp_path / "file"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert site.get(f"/v1/assets/{said['asset']}/original").content == content
    names = [upload["file_name"] for upload in
             site.get(f"/v1/assets/{said['asset']}").json()["uploads"]]
    assert names == ["été.bin"], said


# ---- requests that ours do not send -------------------------------------------------------------


def test_a_post_that_stands_for_head_is_answered_as_a_post(site, tus):
    """Its answer ends where a POST's does; a client that waits for more would wait for ever."""
    url = tus.begun(10)
    overridden = VERSION | {"X-HTTP-Method-Override": "HEAD", "Content-Length": 0}
    with RawConnection(site) as connection:
        for target, status in ((url, 200), ("/v1/tus/" + "a" * 26, 404), (url, 200)):
            connection.send(raw("POST", target, overridden))
            answer = connection.answer()
            assert answer[0] == status and "content-length" in answer[1]
        assert answer[1]["upload-offset"] == "0"


def test_the_bodys_type_is_a_media_type(site, tus):
    url = tus.begun(4)
    for offset, kind in enumerate(("Application/Offset+Octet-Stream",
                                   "application/offset+octet-stream; charset=utf-8",
                                   "application/offset+octet-stream;x=\"y\"")):
        assert tus.patch(url, offset, b"x", **{"Content-Type": kind}).status_code == 204
    for kind in ("application/octet-stream", "application/offset+octet-streams", "", ";"):
        site.problem(tus.patch(url, 3, b"x", **{"Content-Type": kind}), 415,
                     "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("version, fields, body", [
    ("1.1", {"Transfer-Encoding": "chunked"}, b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"),
    ("1.1", {"Content-Length": 5}, b"abcde"),
    ("1.0", {"Content-Length": 5}, b"abcde")])
def test_bodies_in_every_coding(site, tus, version, fields, body):
    url = tus.begun(5)
    answer = ask(site, raw("PATCH", url, VERSION | BODY | {"Upload-Offset": 0} | fields, body,
                           version))
    assert answer[0] == 204 and answer[1]["upload-offset"] == "5"


def test_whoever_expects_100_is_told(site, tus):
    url = tus.begun(5)
    fields = VERSION | BODY | {"Upload-Offset": 0, "Content-Length": 5, "Expect": "100-continue"}
    with RawConnection(site) as connection:
        connection.send(raw("PATCH", url, fields))
        assert connection.answer()[0] == 100
        connection.send(b"abcde")
        assert connection.answer()[0] == 204
        connection.send(raw("PATCH", url, fields))
        assert connection.answer()[0] == 409, "at once, without a word to go on"


def test_requests_may_follow_one_another_without_waiting(site, tus):
    url = tus.begun(9)
    with RawConnection(site) as connection:
        connection.send(b"".join(
            raw("PATCH", url, VERSION | BODY | {"Upload-Offset": at, "Content-Length": 3}, b"abc")
            for at in (0, 3, 6)))
        assert [connection.answer()[0] for _ in range(3)] == [204] * 3


@pytest.mark.parametrize("field", ["k\xe9 YQ==", "\xff\xfe YQ==", ",", "a,,b", "a YQ", "a Y Q=",
                                   "a YQ==;b", "a YQ==,a YQ=="])
def test_malformed_metadata_is_refused_by_every_catalog(site, field):
    answer = ask(site, raw("POST", "/v1/tus", VERSION | {
        "Upload-Length": 3, "Upload-Metadata": field, "Content-Length": 0}))
    assert answer[0] == 400, answer


@pytest.mark.parametrize("field", ["a", "a ", "a,b", "a YQ==, b YQ==", "a YQ==,",
                                   encoded(filename="\x00\x01\n", tags="a\x00b"), "A YQ==,a YQ=="])
def test_what_metadata_may_hold(site, tus, field):
    url = tus.begun(3, **{"Upload-Metadata": field})
    assert tus.head(url).headers["Upload-Metadata"] == field.strip()
    assert tus.patch(url, 0, os.urandom(3)).status_code == 204


def test_a_final_upload_is_refused_before_anything_is_recorded(site, tus):
    content = os.urandom(100)
    url = tus.begun(len(content), **{"Upload-Concat": "partial"})
    tus.patch(url, 0, content)
    answer = ask(site, raw("POST", "/v1/tus", VERSION | {
        "Upload-Concat": f"final;http://\xff{url}", "Content-Length": 0}))
    assert answer[0] == 400
    assert tus.create(**{"Upload-Concat": f"final;{url}"}).headers["Calotype-Status"] == "CREATED"


def test_one_part_may_come_twice_and_be_empty(site, tus):
    part = tus.begun(3, **{"Upload-Concat": "partial"})
    tus.patch(part, 0, b"abc")
    empty = tus.begun(0, **{"Upload-Concat": "partial"})
    answer = tus.create(**{"Upload-Concat": f"final;{part} {empty} {part}"})
    assert answer.headers["Upload-Offset"] == "6"
    assert site.get(f"/v1/assets/{answer.headers['Calotype-Asset']}/original").content == b"abcabc"
    site.problem(tus.create(**{"Upload-Concat": f"final;{empty} {empty}"}), 400, "MISSING_UPLOAD")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_may_be_cut_anywhere(site, tus, is_chunked):
    """Whatever was acknowledged stays, nothing that was not sent is there, and it goes on."""
    source = random.Random(5)
    content = source.randbytes(700_000)
    url = tus.begun(len(content))
    offset = furthest = 0
    for cut in (1, 7, 4095, 4096, 65_536, 100_001, 262_143, 262_145, 300_000, 690_000):
        if cut <= offset:
            continue
        length = len(content) - offset
        framing = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": length}
        wire = (f"{length:x}\r\n".encode() if is_chunked else b"") + content[offset:cut]
        connection = RawConnection(site)
        connection.send(raw("PATCH", url, VERSION | BODY | {"Upload-Offset": offset} | framing,
                            wire))
        ending = source.choice(["reset", "shut", "closed", "left open"])
        if ending == "reset":
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
        if ending == "shut":
            connection.socket.shutdown(socket.SHUT_WR)
        elif ending != "left open":
            connection.socket.close()
        furthest = max(furthest, cut)
        before, offset = offset, tus.offset(url)
        assert before <= offset <= furthest, ending

    def finished():
        """A request that was sent before may still come to the other server, and move it on."""
        at = tus.offset(url)
        answer = tus.patch(url, at, content[at:])
        return answer if answer.status_code == 204 else None

    answer = site.until(finished)
    assert site.get(f"/v1/assets/{answer.headers['Calotype-Asset']}/original").content == content


# ---- what is left -------------------------------------------------------------------------------


def test_a_creation_that_fails_leaves_no_upload(site, tus):
    """Its client was given no Location: nobody could go on with it."""
    def kept():
        return uploads(site), [key for key in site.state().files() if key.startswith("parts/")]

    before = kept()
    content = os.urandom(100_000)
    site.problem(tus.create(len(content), content, **checksum("sha1", b"")), 460,
                 "CHECKSUM_MISMATCH")
    site.problem(tus.create(len(content) - 1, content), 413, "TOO_LARGE")
    site.problem(tus.create(len(content) - 1, iter([content])), 413, "TOO_LARGE")
    connection = RawConnection(site)
    connection.send(raw("POST", "/v1/tus", VERSION | BODY | {
        "Upload-Length": len(content), "Content-Length": len(content)}, content[:70_000]))
    connection.socket.close()
    site.until(lambda: kept() == before)


def test_what_is_barred_ends_its_upload(site, tus):
    content = os.urandom(100_000)
    asset = site.put(content)["id"]
    url = tus.begun(len(content))
    tus.patch(url, 0, content[:60_000])
    assert site.post("/v1/takedowns", json={"asset": asset}).status_code == 201
    site.problem(tus.patch(url, 60_000, content[60_000:]), 451, "ASSET_BARRED")
    assert tus.head(url).status_code == 410
    assert not parts(site, url)


def test_an_upload_does_not_expire_while_its_bytes_come(start_server):
    site = start_server({"ingest.resumable_expires": "1s", "lifecycle.scrub_interval": "200ms"})
    tus = Tus(site)
    url = tus.begun(100)
    with tus.begin_patch(url, 0, 100) as connection:
        for _ in range(8):
            connection.send(b"y")
            connection.socket.settimeout(0.25)
            try:
                assert connection.answer() is None, "it goes on"
            except TimeoutError:
                pass
        assert tus.offset(url) == 8
