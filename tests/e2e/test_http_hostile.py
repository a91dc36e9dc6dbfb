# SPDX-License-Identifier: Apache-2.0
"""What odd and hostile clients try: forms as browsers fill them, slow bodies, lengths that HEAD
gives, keys that are all gone, hashes that leaked."""

import hashlib
import json
import subprocess
import time

import pytest
import requests
from calotype_server import find_program, free_port, plain_environment, run_command
from picture_files import encoded, scene
from raw_http import RawConnection, ask

STACKS = ("embedded", "cluster")


def form(*parts):
    """Parts are (what follows form-data, content)."""
    body = b"".join(b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" +
                    content + b"\r\n" for head, content in parts) + b"--b--\r\n"
    return {"data": body, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


def test_a_file_input_that_was_left_empty_is_no_file(site):
    empty = ('name="second"; filename=""', b"")
    real = ('name="first"; filename="a.txt"', b"an input was left empty")
    for parts in ((real, empty), (empty, real), (empty, real, empty)):
        answer = site.post("/v1/assets", **form(*parts))
        assert answer.status_code in (200, 201), answer.text
        shown = site.get(f"/v1/assets/{answer.json()['id']}").json()
        assert {upload["file_name"] for upload in shown["uploads"]} == {"a.txt"}
    for parts, code in (((empty,), "MISSING_UPLOAD"),
                        ((('name="f"; filename="a"', b""),), "MISSING_UPLOAD"),
                        ((real, ('name="f"; filename=""', b"x")), "BAD_REQUEST"),
                        ((real, real), "BAD_REQUEST")):
        site.problem(site.post("/v1/assets", **form(*parts)), 400, code)


@pytest.mark.parametrize("sent, name", [
    ('filename="a%22b.txt"', 'a"b.txt'), ('filename="a%0D%0Ab.txt"', "ab.txt"),
    ('filename="100%.txt"', "100%.txt"), ('filename="a%20b.txt"', "a%20b.txt"),
    ('filename="\u00e9\u65e5.txt"', "\u00e9\u65e5.txt"), (r'filename="a\"b.txt"', 'a"b.txt'),
    ("filename=\"x\"; filename*=UTF-8''%e2%82%ac.txt", "\u20ac.txt"),
])
def test_names_are_read_as_browsers_write_them(site, sent, name):
    answer = site.post("/v1/assets", **form(('name="file"; ' + sent, sent.encode())))
    assert answer.status_code == 201, answer.text
    shown = site.get(f"/v1/assets/{answer.json()['id']}").json()
    assert shown["uploads"][0]["file_name"] == name


def test_what_is_no_utf8_makes_no_broken_json(site):
    for target in ("/v1/assets?state=%ff", "/v1/assets?%ff=1", "/v1/jobs?state=%c3%28",
                   "/v1/assets/" + "a" * 26 + "?upload=%ff"):
        site.problem(site.get(target), 400 if "?upload" not in target else 404,
                     "BAD_REQUEST" if "?upload" not in target else "ASSET_NOT_FOUND")
    site.problem(site.post("/v1/assets?tags=%ff", data=b"x"), 400, "BAD_REQUEST")
    answer = site.post("/v1/assets", **form(('name="tags"', b"a\xff"),
                                            ('name="file"; filename="\xe9"', b"no utf-8")))
    assert answer.status_code == 201, answer.text
    shown = site.get(f"/v1/assets/{answer.json()['id']}").json()
    assert shown["uploads"][0]["tags"] == ["a\ufffd"]


def test_head_gives_the_length_of_get_or_none(site):
    asset = site.put_inspected(encoded(scene(200, 150), "png"))
    for target in (f"/v1/assets/{asset['id']}", f"/v1/assets/sha256:{asset['sha256']}",
                   f"/v1/assets/{asset['id']}/original", "/v1/assets", asset["urls"]["thumb"],
                   "/openapi.json", "/nowhere"):
        whole = site.get(target)
        head = site.session.head(site.url + target)
        assert head.status_code == whole.status_code
        assert head.headers.get("Content-Length") in (None, whole.headers["Content-Length"])


def test_the_original_carries_its_digest(site):
    asset = site.put_settled(b"a file with a digest")
    answer = site.get(f"/v1/assets/{asset['id']}/original", headers={"Range": "bytes=2-5"})
    assert answer.status_code == 206 and answer.content == b"file"
    again = site.post("/v1/assets", data=b"a file with a digest",
                      headers={"Repr-Digest": answer.headers["Repr-Digest"]})
    assert again.status_code == 200, again.text


def test_absolute_targets_and_hosts(site):
    for target, status in ((b"http://other/healthz", 200), (b"http://other", 200),
                           (b"http://other?x=/healthz", 400), (b"http:///healthz", 400)):
        assert ask(site, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")[0] == status, target
    for host in (b"a b", b"a, b", b"a/b", b"u@a"):
        assert ask(site, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")[0] == 400, host


def test_a_body_that_stands_still_is_the_clients_fault(start_server):
    site = start_server({"http.body_timeout": "1s"})
    for target in (b"/v1/assets", b"/v1/keys"):
        with RawConnection(site) as connection:
            connection.send(b"POST " + target +
                            b" HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
            status, headers, body = connection.answer()
            assert status == 408 and b"TIMEOUT" in body and headers["connection"] == "close"
            assert connection.ended()
    assert site.get("/v1/assets").json()["assets"] == []


def test_a_leaked_hash_opens_nothing(start_server):
    site = start_server()
    admin = {"Authorization": "Bearer " + site.post(
        "/v1/keys", json={"name": "a", "scopes": ["admin"]}).json()["key"]}
    writer = {"Authorization": "Bearer " + site.post(
        "/v1/keys", json={"name": "w", "scopes": ["write"]}, headers=admin).json()["key"]}
    assert site.post("/v1/assets", data=b"secret", headers=admin).status_code == 201
    target = "/v1/assets/sha256:" + hashlib.sha256(b"secret").hexdigest()
    assert site.session.head(site.url + target, headers=writer).status_code == 200
    for rest in ("", "/original", "/events", "/variants"):
        site.problem(site.get(target + rest, headers=writer), 403, "FORBIDDEN")
    site.problem(site.post(target + "/uploads", headers=writer), 428, "PROOF_REQUIRED")


def test_put_says_which_scope_is_missing(start_server, tmp_path):
    site = start_server()
    admin = site.post("/v1/keys", json={"name": "a", "scopes": ["admin"]}).json()["key"]
    reader = site.post("/v1/keys", json={"name": "r", "scopes": ["read"]},
                       headers={"Authorization": "Bearer " + admin}).json()["key"]
    (tmp_path / "file").write_bytes(b"some bytes")
    for key, code in ((reader, "FORBIDDEN"), ("cal_wrong", "UNAUTHORIZED")):
        done = site.command("put", tmp_path / "file", key=key)
        assert done.returncode == 1 and code in done.stderr, done.stderr
    assert "write" in site.command("put", tmp_path / "file", key=reader).stderr


def test_revoking_the_last_key_does_not_open_the_server_to_everybody(tmp_path):
    made = run_command("key", "create", "--name", "x", "--scope", "admin",
                       "--data", tmp_path / "data", "--json")
    key, port = json.loads(made.stdout), free_port()
    url = f"http://127.0.0.1:{port}/v1"
    process = subprocess.Popen(
        [find_program(), "serve", "--listen", f"0.0.0.0:{port}", "--data", tmp_path / "data"],
        env=plain_environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                assert requests.get(url + "/assets", timeout=5).status_code == 401
                break
            except requests.ConnectionError:
                time.sleep(0.05)
        headers = {"Authorization": "Bearer " + key["key"]}
        assert requests.delete(f"{url}/keys/{key['id']}", headers=headers,
                               timeout=5).status_code == 204
        for _ in range(15):  # past what is remembered of keys
            assert requests.get(url + "/assets", timeout=5).status_code == 401
            assert requests.post(url + "/keys", json={"name": "y", "scopes": ["admin"]},
                                 timeout=5).status_code == 401
            time.sleep(0.05)
    finally:
        process.terminate()
        assert process.wait(30) == 0
