# SPDX-License-Identifier: Apache-2.0
"""Uploads over HTTP: raw, chunked, as a form; digests; and every refusal leaves nothing behind."""

import base64
import hashlib
import os
import threading
import time

import pytest
from calotype_server import RELEASE
from raw_http import RawConnection, ask

STACKS = ("embedded", "cluster")


@pytest.fixture(scope="module")
def site(make_server, tmp_path_factory):
    server = make_server(tmp_path_factory.mktemp("uploads"), {"ingest.max_bytes": "8MiB"})
    server.start()
    yield server
    assert server.stop() == 0


def digest(content, algorithm="sha-256"):
    value = hashlib.new(algorithm.replace("-", ""), content).digest()
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"


def left_behind(site):
    """How many assets, and how many files with bytes, there are."""
    files = [key for key in site.state().files() if key.startswith(("raw/", "spool/"))]
    return len(site.get("/v1/assets?limit=1000").json()["assets"]), len(files)


@pytest.mark.parametrize("size", [1, 100, 65_535, 65_536, 524_287, 524_288, 524_289, 3_000_000])
def test_bytes_of_every_size_come_back(site, size):
    content = os.urandom(size)
    put = site.put(content, headers={"Repr-Digest": digest(content)})
    assert put["sha256"] == hashlib.sha256(content).hexdigest() and put["bytes"] == size
    assert put["status"] == "PENDING" and put["url"] is None
    assert site.get(f"/v1/assets/{put['id']}/original").content == content
    again = site.post("/v1/assets", data=content)
    assert again.status_code == 200 and again.json()["status"] == "EXISTING"
    assert again.headers["Location"] == f"/v1/assets/{put['id']}"


def test_a_chunked_body_and_one_of_a_form_are_the_same_asset(site):
    content = os.urandom(700_000)
    pieces = (content[at:at + 9_999] for at in range(0, len(content), 9_999))
    chunked = site.post("/v1/assets", data=pieces)
    assert chunked.status_code == 201
    form = site.post("/v1/assets", data={"tags": "red,blue"},
                     files={"anything": ("dir/näme.jpg", content)})
    assert form.status_code == 200 and form.json()["id"] == chunked.json()["id"]
    uploads = site.get(f"/v1/assets/{form.json()['id']}").json()["uploads"]
    assert [upload["file_name"] for upload in uploads] == ["", "näme.jpg"]
    assert uploads[1]["tags"] == ["red", "blue"]


def test_names_and_tags_come_with_a_raw_body(site):
    put = site.put(b"named", params={"file_name": "../a b.txt", "tags": ["x,y", "z"]})
    upload = site.get(f"/v1/assets/{put['id']}").json()["uploads"][0]
    assert upload["file_name"] == "a b.txt" and upload["tags"] == ["x", "y", "z"]
    put = site.put(b"named otherwise",
                   headers={"Content-Disposition": "attachment; filename*=UTF-8''%e2%82%ac.txt"})
    assert site.get(f"/v1/assets/{put['id']}").json()["uploads"][0]["file_name"] == "€.txt"


def test_a_client_that_has_the_hash_sends_nothing(site):
    content = os.urandom(1000)
    name = "sha256:" + hashlib.sha256(content).hexdigest()
    assert site.session.head(f"{site.url}/v1/assets/{name}").status_code == 404
    site.problem(site.post(f"/v1/assets/{name}/uploads", json={}), 404, "ASSET_NOT_FOUND")
    put = site.put(content)
    head = site.session.head(f"{site.url}/v1/assets/{name}")
    assert head.status_code == 200 and head.headers["Location"] == f"/v1/assets/{put['id']}"
    known = site.post(f"/v1/assets/{name}/uploads", json={"file_name": "b", "tags": ["t"]})
    assert known.status_code == 200 and known.json()["status"] == "EXISTING"
    uploads = site.get(f"/v1/assets/{put['id']}").json()["uploads"]
    assert [upload["file_name"] for upload in uploads] == ["", "b"]
    assert site.delete(f"/v1/assets/{put['id']}?upload={uploads[0]['id']}").status_code == 204
    assert len(site.get(f"/v1/assets/{put['id']}").json()["uploads"]) == 1
    site.problem(site.delete(f"/v1/assets/{put['id']}/uploads/nothing"), 404, "UPLOAD_NOT_FOUND")


def test_many_who_send_the_same_new_file_at_once_make_one_asset(site):
    content = os.urandom(200_000)
    answers = []

    def send():
        import requests
        answers.append(requests.post(site.url + "/v1/assets", data=content, timeout=60))

    threads = [threading.Thread(target=send) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 31 + [201]
    asset = site.get(f"/v1/assets/{answers[0].json()['id']}").json()
    assert len(asset["uploads"]) == 32


def form(*parts, boundary="b", end="--"):
    body = b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
                    for head, content in parts)
    return body + f"--{boundary}{end}\r\n".encode()


FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FILE = 'Content-Disposition: form-data; name="f"; filename="a"'
TAGS = 'Content-Disposition: form-data; name="tags"'


class Pieces:
    """A body without a length, each time anew."""

    def __iter__(self):
        return (b"x" * 100_000 for _ in range(95))


REFUSED = {
    "empty": (dict(data=b""), 400, "MISSING_UPLOAD"),
    "form without a file": (dict(data=form((TAGS, b"x")), headers=FORM), 400, "MISSING_UPLOAD"),
    "form with an empty file": (dict(data=form((FILE, b"")), headers=FORM), 400, "MISSING_UPLOAD"),
    "two files": (dict(data=form((FILE, b"x"), (FILE, b"y")), headers=FORM), 400, "BAD_REQUEST"),
    "form that ends early": (dict(data=form((FILE, b"x" * 99_999), end=""), headers=FORM), 400,
                             "BAD_REQUEST"),
    "form without a boundary": (dict(data=b"x", headers={"Content-Type": "multipart/form-data"}),
                                400, "BAD_REQUEST"),
    "field that is too long": (dict(data=form((TAGS, b"x" * 100_000), (FILE, b"y")), headers=FORM),
                               400, "BAD_REQUEST"),
    "another digest": (dict(data=b"x", headers={"Repr-Digest": digest(b"y")}), 422,
                       "DIGEST_MISMATCH"),
    "another sha-512": (dict(data=b"x", headers={"Content-Digest": digest(b"y", "sha-512")}), 422,
                        "DIGEST_MISMATCH"),
    "malformed digest": (dict(data=b"x", headers={"Repr-Digest": "sha-256=x"}), 400,
                         "BAD_DIGEST_HEADER"),
    "digest of a form": (dict(data=form((FILE, b"x")),
                              headers=FORM | {"Repr-Digest": digest(b"x")}), 400,
                         "BAD_DIGEST_HEADER"),
    "too large": (dict(data=b"x" * (9 << 20)), 413, "TOO_LARGE"),
    "too large, chunked": (dict(data=Pieces()), 413, "TOO_LARGE"),
    "unknown parameter": (dict(data=b"x", params={"filename": "x"}), 400, "BAD_REQUEST"),
    "too many tags": (dict(data=b"x", params={"tags": ",".join("abc" for _ in range(101))}), 400,
                      "BAD_REQUEST"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_upload_leaves_nothing_behind(site, name):
    options, status, code = REFUSED[name]
    before = left_behind(site)
    site.problem(site.post("/v1/assets", **options), status, code)
    assert left_behind(site) == before


@pytest.mark.parametrize("request_bytes", [
    b"Content-Length: 1000000\r\n\r\n" + b"x" * 300_000,
    b"Transfer-Encoding: chunked\r\n\r\n186A0\r\n" + b"x" * 50_000,
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
])
def test_an_upload_that_breaks_off_leaves_nothing_behind(site, request_bytes):
    before = left_behind(site)
    with RawConnection(site) as connection:
        connection.send(b"POST /v1/assets HTTP/1.1\r\nHost: a\r\n" + request_bytes)
        time.sleep(0.05)
    time.sleep(0.1)
    assert left_behind(site) == before


def test_the_client_is_told_before_it_sends(site):
    head = b"POST /v1/assets HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
    with RawConnection(site) as connection:
        connection.send(head + b"5\r\n\r\n")
        assert connection.answer()[0] == 100
        connection.send(b"go on")
        assert connection.answer()[0] == 201
    with RawConnection(site) as connection:
        connection.send(head + b"99999999999\r\n\r\n")
        assert connection.answer()[0] == 413
        assert connection.ended()


def test_a_large_body_is_refused_while_the_client_is_still_sending(site):
    started = time.monotonic()
    status, _, _ = ask(site, b"POST /v1/assets HTTP/1.1\r\nHost: a\r\n"
                       b"Content-Length: 9000000000\r\n\r\n" + b"x" * 500_000)
    assert status == 413 and time.monotonic() - started < 5


def test_memory_stays_flat_while_a_large_file_streams_in(start_server):
    site = start_server()

    def resident():
        statuses = [open(f"/proc/{pid}/status").read() for pid in site.pids()]
        return sum(int(one.split("VmHWM:")[1].split()[0]) for one in statuses) >> 10

    for number in range(4):
        site.put(b"warm %d" % number)
    before = resident()
    block = os.urandom(1 << 20)

    def blocks():
        for number in range(256):
            yield number.to_bytes(4) + block[4:]

    put = site.post("/v1/assets", data=blocks())
    assert put.status_code == 201 and put.json()["bytes"] == 256 << 20
    assert resident() - before <= (32 if RELEASE else 128)  # a sanitizer keeps what was freed
