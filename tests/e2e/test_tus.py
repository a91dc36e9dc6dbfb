# SPDX-License-Identifier: Apache-2.0
"""tus 1.0 through the real program: every extension, what interrupts an upload, what is left."""

import hashlib
import os
import threading
import time

import pytest
import requests
from picture_files import encoded as picture
from picture_files import scene
from tus_client import BODY, VERSION, Tus, checksum, encoded

STACKS = ("embedded", "cluster")
MIB = 1 << 20


@pytest.fixture
def tus(site):
    return Tus(site)


def assert_stored(site, answer, content):
    """The asset that the last answer names has these bytes."""
    asset = answer.headers["Calotype-Asset"]
    found = site.get(f"/v1/assets/{asset}/original")
    assert found.status_code == 200, found.text
    assert hashlib.sha256(found.content).digest() == hashlib.sha256(content).digest()
    return asset


def parts(site):
    return [key for key in site.state().files() if key.startswith("parts/")]


# ---- the core -----------------------------------------------------------------------------------


def test_the_server_says_what_it_can(site):
    for path in ("/v1/tus", "/v1/tus/"):
        answer = site.session.options(site.url + path)
        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
        assert int(answer.headers["Tus-Max-Size"]) == 16 << 30
        assert set(answer.headers["Tus-Extension"].split(",")) == {
            "creation", "creation-with-upload", "creation-defer-length", "termination", "checksum",
            "expiration", "concatenation"}
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5,crc32"


def test_a_file_in_pieces_becomes_an_asset_like_any_other(site, tus):
    content = picture(scene(640, 480), "jpeg") + os.urandom(11 * MIB)
    said = encoded(filename="sea.jpg", filetype="image/jpeg", tags="sea,sun", own="",
                   collection="summer", fields='{"shot": 7}')
    url = tus.begun(len(content), **{"Upload-Metadata": said})
    head = tus.head(url)
    assert head.headers["Upload-Offset"] == "0"
    assert head.headers["Upload-Length"] == str(len(content))
    assert head.headers["Upload-Metadata"] == said
    assert head.headers["Cache-Control"] == "no-store"
    assert "Upload-Expires" in head.headers
    answer = tus.send(url, content, 3 * MIB + 17)
    assert answer.headers["Calotype-Status"] == "CREATED"
    asset = assert_stored(site, answer, content)
    shown = site.settled(asset)
    assert shown["state"] == "METADATA_READY"
    assert shown["uploads"][0]["file_name"] == "sea.jpg"
    assert shown["uploads"][0]["tags"] == ["sea", "sun"]
    assert shown["uploads"][0]["collection"] == "summer"
    assert shown["uploads"][0]["fields"] == {"shot": 7}
    # Whoever lost the last answer asks, and finds that all is done.
    head = tus.head(url)
    assert head.headers["Upload-Offset"] == str(len(content))
    assert head.headers["Calotype-Asset"] == asset
    assert tus.patch(url, len(content), b"").headers["Calotype-Asset"] == asset
    site.problem(tus.patch(url, len(content), b"x"), 413, "TOO_LARGE")


def test_the_last_answer_is_a_document_to_whoever_accepts_one(site, tus):
    content = os.urandom(100_000)
    for status, word, code in (("PENDING", "CREATED", 201), ("EXISTING", "EXISTING", 200)):
        url = tus.begun(len(content))
        answer = tus.patch(url, 0, content, Accept="application/json")
        assert answer.status_code == code
        assert answer.json()["status"] == status
        assert answer.json()["id"] == answer.headers["Calotype-Asset"]
        assert answer.headers["Calotype-Status"] == word
    assert len(site.get(f"/v1/assets/{answer.json()['id']}").json()["uploads"]) == 2


def test_another_version_is_refused(site, tus):
    url = tus.begun(10)
    for answer in (tus.create(5, **{"Tus-Resumable": "0.2.2"}),
                   tus.create(5, **{"Tus-Resumable": None}),
                   tus.patch(url, 0, b"x", **{"Tus-Resumable": "2.0.0"}),
                   tus.request("DELETE", url, **{"Tus-Resumable": None})):
        site.problem(answer, 412, "PRECONDITION_FAILED")
        assert answer.headers["Tus-Version"] == "1.0.0"
    assert tus.request("HEAD", url, **{"Tus-Resumable": None}).status_code == 412


def test_a_wrong_request_changes_nothing(site, tus):
    url = tus.begun(10)
    tus.patch(url, 0, b"0123")
    for answer, status, code in (
            (tus.patch(url, 3, b"3"), 409, "OFFSET_MISMATCH"),
            (tus.patch(url, 5, b"5"), 409, "OFFSET_MISMATCH"),
            (tus.patch(url, 4, b"x", **{"Upload-Offset": None}), 400, "BAD_REQUEST"),
            (tus.patch(url, 4, b"x", **{"Upload-Offset": "-4"}), 400, "BAD_REQUEST"),
            (tus.patch(url, 4, b"x", **{"Upload-Offset": "4294967296999999999999"}), 400,
             "BAD_REQUEST"),
            (tus.patch(url, 4, b"x", **{"Content-Type": "text/plain"}), 415,
             "UNSUPPORTED_MEDIA_TYPE"),
            (tus.patch(url, 4, b"x", **{"Content-Type": None}), 415, "UNSUPPORTED_MEDIA_TYPE"),
            (tus.patch(url, 4, b"4567890"), 413, "TOO_LARGE"),
            (tus.patch(url, 4, iter([b"456", b"7890"])), 413, "TOO_LARGE"),
            (tus.patch(url, 4, b"x", **{"Upload-Length": "11"}), 400, "BAD_REQUEST"),
            (tus.patch("/v1/tus/" + "a" * 26, 0, b"x"), 404, "UPLOAD_NOT_FOUND"),
            (tus.patch("/v1/tus/..%2f..%2fx", 0, b"x"), 404, "UPLOAD_NOT_FOUND"),
            (tus.request("DELETE", "/v1/tus/x"), 404, "UPLOAD_NOT_FOUND")):
        site.problem(answer, status, code)
        assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert tus.offset(url) == 4
    assert tus.head("/v1/tus/" + "a" * 26).status_code == 404
    assert_stored(site, tus.patch(url, 4, b"456789"), b"0123456789")


def test_methods_that_a_client_cannot_send(site, tus):
    url = tus.begun(4)
    answer = tus.request("POST", url, b"abcd", **BODY, **{
        "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"})
    assert answer.status_code == 204 and answer.headers["Upload-Offset"] == "4"
    other = tus.begun(4)
    assert tus.request("POST", other, **{"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert tus.head(other).status_code == 410
    assert tus.request("POST", other).status_code == 405


# ---- the extensions -----------------------------------------------------------------------------


def test_creation_refuses_what_it_cannot_be(site, tus):
    for answer, status, code in (
            (tus.create(), 400, "BAD_REQUEST"),
            (tus.create(5, **{"Upload-Defer-Length": "1"}), 400, "BAD_REQUEST"),
            (tus.create(**{"Upload-Defer-Length": "2"}), 400, "BAD_REQUEST"),
            (tus.create("x"), 400, "BAD_REQUEST"),
            (tus.create(0), 400, "MISSING_UPLOAD"),
            (tus.create((16 << 30) + 1), 413, "TOO_LARGE"),
            (tus.create(5, **{"Upload-Metadata": "filename ????"}), 400, "BAD_REQUEST"),
            (tus.create(5, **{"Upload-Metadata": encoded(fields="[1]")}), 400, "BAD_REQUEST"),
            (tus.create(5, **{"Upload-Concat": "whole"}), 400, "BAD_REQUEST"),
            (tus.create(5, b"12345", **{"Content-Type": "image/png"}), 415,
             "UNSUPPORTED_MEDIA_TYPE")):
        site.problem(answer, status, code)


def test_creation_brings_bytes_along(site, tus):
    content = os.urandom(300_000)
    whole = tus.create(len(content), content)
    assert whole.status_code == 201 and whole.headers["Upload-Offset"] == str(len(content))
    assert whole.headers["Location"].startswith("/v1/tus/")
    assert_stored(site, whole, content)
    part = tus.create(len(content), content[:1000])
    assert part.status_code == 201 and part.headers["Upload-Offset"] == "1000"
    last = tus.patch(part.headers["Location"], 1000, content[1000:])
    assert last.headers["Calotype-Status"] == "EXISTING"
    site.problem(tus.create(5, b"123456"), 413, "TOO_LARGE")


def test_a_length_that_is_said_later(site, tus):
    url = tus.begun(**{"Upload-Defer-Length": "1"})
    assert tus.patch(url, 0, b"some").status_code == 204
    head = tus.head(url)
    assert head.headers["Upload-Defer-Length"] == "1" and "Upload-Length" not in head.headers
    site.problem(tus.patch(url, 4, b"", **{"Upload-Length": "3"}), 400, "BAD_REQUEST")
    assert tus.patch(url, 4, b"thing", **{"Upload-Length": "12"}).status_code == 204
    head = tus.head(url)
    assert head.headers["Upload-Length"] == "12" and "Upload-Defer-Length" not in head.headers
    site.problem(tus.patch(url, 9, b"x", **{"Upload-Length": "13"}), 400, "BAD_REQUEST")
    assert_stored(site, tus.patch(url, 9, b"els"), b"somethingels")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5", "crc32"])
def test_a_piece_that_differs_from_its_checksum_is_not_taken(site, tus, algorithm):
    piece = os.urandom(200_000)
    url = tus.begun(2 * len(piece))
    wrong = tus.patch(url, 0, piece, **checksum(algorithm, piece + b"x"))
    site.problem(wrong, 460, "CHECKSUM_MISMATCH")
    assert tus.offset(url) == 0
    assert tus.patch(url, 0, piece, **checksum(algorithm, piece)).status_code == 204
    site.problem(tus.patch(url, len(piece), piece, **{"Upload-Checksum": "sha512 AAAA"}), 400,
                 "BAD_REQUEST")
    assert_stored(site, tus.patch(url, len(piece), piece, **checksum(algorithm, piece)), piece * 2)


def test_what_came_of_a_checked_piece_that_broke_off_is_not_kept(site, tus):
    url = tus.begun(1000)
    with tus.begin_patch(url, 0, 1000, **checksum("sha1", b"0" * 1000)) as connection:
        connection.send(b"0" * 500)
        time.sleep(0.3)
    assert tus.offset(url) == 0
    assert tus.patch(url, 0, b"0" * 1000, **checksum("sha1", b"0" * 1000)).status_code == 204


def test_an_ended_upload_is_gone(site, tus):
    url = tus.begun(100)
    tus.patch(url, 0, b"some")
    assert any(url[8:] in key for key in parts(site))
    answer = tus.request("DELETE", url)
    assert answer.status_code == 204 and answer.headers["Tus-Resumable"] == "1.0.0"
    assert not any(url[8:] in key for key in parts(site))
    assert tus.head(url).status_code == 410
    site.problem(tus.patch(url, 4, b"x"), 410, "UPLOAD_GONE")
    site.problem(tus.request("DELETE", url), 410, "UPLOAD_GONE")


def test_the_asset_of_an_ended_upload_stays(site, tus):
    content = os.urandom(1000)
    answer = tus.create(len(content), content)
    assert tus.request("DELETE", answer.headers["Location"]).status_code == 204
    assert_stored(site, answer, content)


def test_parts_that_came_beside_each_other_become_one(site, tus):
    content = os.urandom(7 * MIB)
    pieces = [content[:MIB], content[MIB:6 * MIB], content[6 * MIB:]]
    urls = [tus.begun(len(piece), **{"Upload-Concat": "partial"}) for piece in pieces]
    tus.send(urls[0], pieces[0], MIB)
    joined = f"final;{urls[0]} {site.url}{urls[1]} {urls[2]}"
    site.problem(tus.create(**{"Upload-Concat": joined}), 400, "BAD_REQUEST")
    for url, piece in zip(urls[1:], pieces[1:]):
        assert "Calotype-Asset" not in tus.send(url, piece, 2 * MIB).headers
    assert tus.head(urls[0]).headers["Upload-Concat"] == "partial"
    site.problem(tus.create(len(content), **{"Upload-Concat": joined}), 400, "BAD_REQUEST")
    answer = tus.create(**{"Upload-Concat": joined, "Upload-Metadata": encoded(filename="a.bin")})
    assert answer.status_code == 201, answer.text
    asset = assert_stored(site, answer, content)
    assert site.get(f"/v1/assets/{asset}").json()["uploads"][0]["file_name"] == "a.bin"
    head = tus.head(answer.headers["Location"])
    assert head.headers["Upload-Concat"] == joined
    assert head.headers["Upload-Length"] == head.headers["Upload-Offset"] == str(len(content))
    site.problem(tus.patch(answer.headers["Location"], len(content), b"x"), 403, "FORBIDDEN")
    whole = tus.begun(3)
    site.problem(tus.create(**{"Upload-Concat": f"final;{whole}"}), 400, "BAD_REQUEST")
    unknown = "/v1/tus/" + "a" * 26
    site.problem(tus.create(**{"Upload-Concat": f"final;{unknown}"}), 404, "UPLOAD_NOT_FOUND")


def test_pages_of_other_origins_may_see_what_they_need(site, tus):
    answer = site.session.options(site.url + "/v1/tus/", headers={
        "Origin": "https://shop.example", "Access-Control-Request-Method": "POST"})
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    for name in ("tus-resumable", "upload-length", "upload-metadata", "upload-offset",
                 "upload-checksum", "upload-concat", "upload-defer-length",
                 "x-http-method-override"):
        assert name in allowed
    answer = tus.create(5, Origin="https://shop.example")
    exposed = answer.headers["Access-Control-Expose-Headers"]
    for name in ("Location", "Upload-Offset", "Upload-Length", "Upload-Expires", "Tus-Resumable",
                 "Calotype-Asset", "Calotype-Status"):
        assert name in exposed


# ---- what interrupts an upload ------------------------------------------------------------------


def test_what_came_before_the_connection_broke_stays(site, tus):
    content = os.urandom(2 * MIB + 5)
    url = tus.begun(len(content))
    connection = tus.begin_patch(url, 0, len(content))
    connection.send(content[:MIB + 7])
    connection.socket.close()
    # A question ends whoever writes, and may come before the last bytes were read.
    offset = site.until(lambda: tus.offset(url))
    assert MIB <= offset <= MIB + 7
    assert_stored(site, tus.send(url, content, MIB, offset), content)


def test_the_newest_request_takes_the_upload_over(site, tus):
    content = os.urandom(MIB)
    url = tus.begun(len(content))
    with tus.begin_patch(url, 0, len(content)) as stuck:
        stuck.send(content[:400_000])
        time.sleep(0.3)
        began = time.monotonic()
        answer = tus.head(url)  # on the cluster it may well come to the other server
        assert answer.status_code == 200, answer.status_code
        assert time.monotonic() - began < 5
        assert answer.headers["Upload-Offset"] == "400000"
        assert_stored(site, tus.send(url, content, MIB, 400_000), content)
        refused = stuck.answer()
        assert refused is None or refused[0] == 423


def test_of_many_who_write_at_once_one_does(site, tus):
    content = os.urandom(3 * MIB)
    url = tus.begun(len(content))
    codes = []

    def patch():
        codes.append(requests.patch(site.url + url, data=content, timeout=60, headers=VERSION |
                                    BODY | {"Upload-Offset": "0"}).status_code)

    threads = [threading.Thread(target=patch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {204, 409, 413, 423}, codes
    offset = tus.offset(url)
    answer = tus.send(url, content, MIB, offset) if offset < len(content) else tus.head(url)
    assert_stored(site, answer, content)


def test_a_server_that_is_killed_costs_only_what_it_had_not_acknowledged(start_server):
    site = start_server({"jobs.lease": "1s"})
    tus = Tus(site)
    content = os.urandom(80 * MIB)
    url = tus.begun(len(content))
    assert tus.patch(url, 0, content[:5]).status_code == 204
    connection = tus.begin_patch(url, 5, len(content) - 5)
    connection.send(content[5:70 * MIB])
    site.until(lambda: site.state().rows(
        f"SELECT received FROM resumable_upload WHERE id = '{url[8:]}'")[0][0] > 30 * MIB)
    site.kill()
    site.start()
    offset = site.until(lambda: tus.head(url).status_code == 200 and tus.offset(url))
    assert 30 * MIB < offset <= 70 * MIB
    assert_stored(site, tus.send(url, content, 16 * MIB, offset), content)
    assert not parts(site)


def test_a_server_that_stops_keeps_what_it_has(start_server):
    site = start_server({"jobs.lease": "1s", "http.drain_max": "500ms"})
    tus = Tus(site)
    content = os.urandom(MIB)
    url = tus.begun(len(content))
    connection = tus.begin_patch(url, 0, len(content))
    connection.send(content[:300_000])
    time.sleep(0.3)
    assert site.stop() == 0
    site.start()
    assert site.until(lambda: tus.head(url).status_code == 200 and tus.offset(url)) == 300_000
    assert_stored(site, tus.send(url, content, MIB, 300_000), content)


# ---- what is left -------------------------------------------------------------------------------


def test_nothing_is_left_of_what_expires(start_server):
    site = start_server({"ingest.resumable_expires": "1s", "lifecycle.scrub_interval": "200ms"})
    tus = Tus(site)
    url = tus.begun(10 * MIB)
    tus.patch(url, 0, os.urandom(6 * MIB))
    whole = tus.create(3, b"abc")
    assert tus.head(url).status_code == 200
    site.until(lambda: tus.head(url).status_code == 410)
    site.until(lambda: not parts(site))
    site.until(lambda: tus.head(url).status_code == 404)
    site.until(lambda: not site.state().rows("SELECT id FROM resumable_upload"))
    assert not site.state().rows("SELECT name FROM resumable_part")
    assert_stored(site, whole, b"abc")


def test_a_full_upload_leaves_only_its_original(site, tus):
    content = os.urandom(6 * MIB)
    url = tus.begun(len(content))
    tus.send(url, content, 2 * MIB)
    assert not any(url[8:] in key for key in parts(site))
    digest = hashlib.sha256(content).hexdigest()
    assert site.state().files()[f"raw/{digest[:2]}/{digest[2:4]}/{digest}"] == len(content)


def test_keys_are_asked_for(start_server):
    site = start_server()
    assert Tus(site).create(5).status_code == 201
    admin = site.post("/v1/keys", json={"name": "admin", "scopes": ["admin"]}).json()["key"]
    key = site.post("/v1/keys", json={"name": "reader", "scopes": ["read"]},
                    headers={"Authorization": f"Bearer {admin}"}).json()["key"]
    site.problem(Tus(site).create(5), 401, "UNAUTHORIZED")
    answer = Tus(site).create(5, Authorization=f"Bearer {key}")
    site.problem(answer, 403, "FORBIDDEN")
    assert answer.headers["Tus-Resumable"] == "1.0.0"
