# SPDX-License-Identifier: Apache-2.0
"""Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload) through the real program."""

import base64
import hashlib
import os
import re
import time

import pytest
from raw_http import RawConnection

STACKS = ("embedded", "cluster")
MIB = 1 << 20
TYPES = "https://iana.org/assignments/http-problem-types#"


def digest_field(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


class Partial:
    def __init__(self, server):
        self.server = server

    def begin(self, length, **fields):
        """A connection on which POST /v1/assets waits for its body."""
        fields = {"Upload-Complete": "?1", "Content-Length": length} | fields
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection = RawConnection(self.server)
        connection.send(f"POST /v1/assets?file_name=a.bin&tags=x HTTP/1.1\r\nHost: x\r\n{head}\r\n"
                        .encode())
        return connection

    def begun(self, content, **fields):
        """The URL of an upload that has these bytes, and more to come."""
        with self.begin(len(content), **{"Upload-Complete": "?0"} | fields) as connection:
            status, headers, _ = interim(connection)
            assert status == 104
            url = headers["location"]
            connection.send(content)
            status, headers, _ = connection.answer()
            while status == 104:
                status, headers, _ = connection.answer()
            assert status == 201 and headers["location"] == url
            assert headers["upload-complete"] == "?0"
            assert headers["upload-offset"] == str(len(content))
            return url

    def request(self, method, url, data=None, **fields):
        return self.server.session.request(method, self.server.url + url, data=data, timeout=60,
                                           headers=fields)

    def patch(self, url, offset, data, complete="?1", **fields):
        return self.request("PATCH", url, data, **({
            "Content-Type": "application/partial-upload", "Upload-Offset": str(offset),
            "Upload-Complete": complete} | fields))

    def offset(self, url):
        answer = self.request("HEAD", url)
        assert answer.status_code == 204, answer.status_code
        return int(answer.headers["Upload-Offset"])


def interim(connection):
    """An interim response: a head and nothing more."""
    return connection.answer(head_only=True)


@pytest.fixture
def partial(site):
    return Partial(site)


def test_one_request_that_is_not_interrupted_is_answered_as_ever(site, partial):
    content = os.urandom(200_000)
    with partial.begin(len(content), **{"Repr-Digest": digest_field(content)}) as connection:
        status, headers, _ = interim(connection)
        assert status == 104
        assert re.fullmatch(r"/v1/uploads/[a-z2-7]{26}", headers["location"])
        assert re.fullmatch(r"max-size=17179869184, max-age=\d+", headers["upload-limit"])
        connection.send(content)
        status, headers, body = connection.answer()
    assert status == 201 and headers["upload-complete"] == "?1"
    assert headers["location"] == "/v1/assets/" + headers["calotype-asset"]
    assert b'"PENDING"' in body
    asset = site.get(headers["location"]).json()
    assert asset["uploads"][0]["file_name"] == "a.bin" and asset["uploads"][0]["tags"] == ["x"]


def test_what_broke_off_is_gone_on_with_where_the_interim_answer_said(site, partial):
    content = os.urandom(MIB)
    with partial.begin(len(content)) as connection:
        _, headers, _ = interim(connection)
        url = headers["location"]
        connection.send(content[:700_001])
        time.sleep(0.2)
    site.until(lambda: partial.offset(url) == 700_001)
    answer = partial.request("HEAD", url)
    assert answer.headers["Upload-Complete"] == "?0"
    assert answer.headers["Upload-Length"] == str(len(content))
    assert answer.headers["Cache-Control"] == "no-store"
    answer = partial.patch(url, 700_001, content[700_001:])
    assert answer.status_code == 201, answer.text
    assert answer.headers["Upload-Complete"] == "?1"
    assert site.get(f"/v1/assets/{answer.json()['id']}/original").content == content
    head = partial.request("HEAD", url)
    assert head.headers["Upload-Complete"] == "?1"
    assert head.headers["Calotype-Asset"] == answer.json()["id"]
    refused = partial.patch(url, len(content), b"more")
    assert site.problem(refused, 400, "BAD_REQUEST")["type"] == TYPES + "completed-upload"


def test_a_series_of_parts(site, partial):
    content = os.urandom(300_000)
    url = partial.begun(content[:100_000])
    assert "Upload-Length" not in partial.request("HEAD", url).headers
    answer = partial.patch(url, 100_000, content[100_000:200_000], "?0",
                           **{"Content-Digest": digest_field(content[100_000:200_000])})
    assert answer.status_code == 204 and answer.headers["Upload-Complete"] == "?0"
    wrong = partial.patch(url, 200_000, content[200_000:],
                          **{"Content-Digest": digest_field(b"")})
    site.problem(wrong, 422, "DIGEST_MISMATCH")
    assert partial.offset(url) == 200_000
    answer = partial.patch(url, 200_000, content[200_000:])
    assert answer.status_code == 201
    assert site.get(f"/v1/assets/{answer.json()['id']}/original").content == content


def test_the_end_may_come_alone(site, partial):
    content = os.urandom(1000)
    url = partial.begun(content)
    answer = partial.patch(url, 1000, b"")
    assert answer.status_code == 201, answer.text
    assert answer.headers["Upload-Complete"] == "?1"


def test_an_upload_is_complete_when_its_client_says_so(site, partial):
    content = os.urandom(1000)
    url = partial.begun(content, **{"Upload-Length": 1000})
    for _ in range(2):
        assert partial.request("HEAD", url).headers["Upload-Complete"] == "?0"
    answer = partial.patch(url, 1000, b"")
    assert answer.status_code == 201 and answer.headers["Upload-Complete"] == "?1"
    again = partial.patch(url, 1000, b"")
    assert site.problem(again, 400, "BAD_REQUEST")["type"] == TYPES + "completed-upload"
    assert len(site.get(f"/v1/assets/{answer.json()['id']}").json()["uploads"]) == 1


def test_fields_are_structured_ones(site, partial):
    """Parameters say nothing here, and what is no item of its type is as if it were not there."""
    url = partial.begun(b"some", **{"Upload-Complete": "?0;a=b", "Upload-Length": "many"})
    assert "Upload-Length" not in partial.request("HEAD", url).headers
    for wrong in ("-4", "4.0", '"4"', "1234567890123456", ""):
        site.problem(partial.patch(url, 4, b"x", **{"Upload-Offset": wrong}), 400, "BAD_REQUEST")
    answer = partial.patch(url, 4, b"body", **{
        "Upload-Complete": "?1;x", "Upload-Offset": "4;y=1", "Upload-Length": "8; z",
        "Content-Type": "Application/Partial-Upload; a=b"})
    assert answer.status_code == 201, answer.text


def test_whoever_sends_too_much_is_told_the_limit(site, partial):
    url = partial.begun(b"some", **{"Upload-Length": 5})
    for answer in (partial.patch(url, 4, b"1" * 11, "?0"),
                   site.post("/v1/assets", data=b"", headers={
                       "Upload-Complete": "?0", "Upload-Length": str(17 << 30)})):
        site.problem(answer, 413, "TOO_LARGE")
        assert answer.headers["Upload-Limit"] == "max-size=17179869184"


def test_what_contradicts_itself_is_refused(site, partial):
    url = partial.begun(b"0123456789", **{"Upload-Length": 20})
    document = site.problem(partial.patch(url, 5, b"x"), 409, "OFFSET_MISMATCH")
    assert document["type"] == TYPES + "mismatching-upload-offset"
    assert document["expected-offset"] == 10 and document["provided-offset"] == 5
    answer = partial.patch(url, 11, b"x")
    assert answer.status_code == 409 and answer.headers["Upload-Offset"] == "10"
    for answer in (partial.patch(url, 10, b"12345"),
                   partial.patch(url, 10, b"1", "?0", **{"Upload-Length": "19"}),
                   partial.patch(url, 10, b"1", **{"Upload-Length": "20"})):
        document = site.problem(answer, 400, "BAD_REQUEST")
        assert document["type"] == TYPES + "inconsistent-upload-length", document
    site.problem(partial.patch(url, 10, b"1" * 11, "?0"), 413, "TOO_LARGE")
    site.problem(partial.patch(url, 10, b"1", "yes"), 400, "BAD_REQUEST")
    site.problem(partial.patch(url, 10, b"1", **{"Content-Type": "text/plain"}), 415,
                 "UNSUPPORTED_MEDIA_TYPE")
    assert partial.offset(url) == 10
    assert partial.patch(url, 10, b"9876543210").status_code == 201


def test_a_wrong_digest_of_all_ends_the_upload(site, partial):
    url = partial.begun(b"some", **{"Repr-Digest": digest_field(b"something")})
    answer = partial.patch(url, 4, b"body")
    site.problem(answer, 422, "DIGEST_MISMATCH")
    assert answer.headers["Upload-Complete"] == "?1", "to go on would not help"
    assert partial.request("HEAD", url).status_code == 410
    assert not any(url[12:] in key for key in site.state().files())


def test_cancelling(site, partial):
    url = partial.begun(b"some")
    assert partial.request("DELETE", url).status_code == 204
    assert partial.request("HEAD", url).status_code == 410
    site.problem(partial.patch(url, 4, b"x"), 410, "UPLOAD_GONE")
    assert not any(url[12:] in key for key in site.state().files())


def test_the_server_says_what_it_takes(site, partial):
    for path in ("/v1/assets", "/v1/uploads/" + "a" * 26):
        answer = site.session.options(site.url + path)
        assert answer.headers["Accept-Patch"] == "application/partial-upload"
        assert answer.headers["Upload-Limit"] == "max-size=17179869184"


def test_drafts_that_say_their_version(site, partial):
    content = os.urandom(1000)
    with partial.begin(len(content), **{"Upload-Draft-Interop-Version": 8}) as connection:
        status, headers, _ = interim(connection)
        assert status == 104 and headers["upload-draft-interop-version"] == "8"
    with partial.begin(len(content), **{"Upload-Draft-Interop-Version": 3}) as connection:
        connection.send(content)
        assert connection.answer()[0] == 201, "a plain upload"


def test_progress_is_told_while_it_comes(site, partial):
    content = os.urandom(70 * MIB)
    with partial.begin(len(content)) as connection:
        assert interim(connection)[0] == 104
        connection.send(content)
        said = []
        while (answer := connection.answer())[0] == 104:
            said.append(int(answer[1]["upload-offset"]))
    assert answer[0] == 201 and len(said) == 2 and 30 * MIB < said[0] < said[1]
