# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/assets` with a URL: what is fetched is an upload like any other; what must not be is
refused whichever way it is dressed; and a server that means no good costs a bounded amount."""

import hashlib
import json
import socket
import threading
import time
from urllib.parse import quote

import pytest
from hostile_origin import CONTENT, HostileOrigin
from stacks import Audit

STACKS = ("embedded", "cluster")
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def origin():
    server = HostileOrigin()
    yield server
    server.close()


@pytest.fixture(scope="module")
def inner():
    """On an address of this machine that nobody has allowed."""
    server = HostileOrigin("127.0.0.9")
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(make_server, tmp_path_factory, origin, inner):
    server = make_server(tmp_path_factory.mktemp("fetch"), {
        "fetch.allow": f"*:{origin.port},*:{inner.port},*", "ingest.max_bytes": "4MiB",
        "fetch.allow_addresses": "127.0.0.1/32", "fetch.timeout": "6s",
        "fetch.stall_timeout": "2s", "fetch.connect_timeout": "2s", "verify.shares": 0})
    server.start()
    yield server
    assert server.stop() == 0


def order(server, url, **more):
    return server.post("/v1/assets", json={"url": url} | more)


def test_a_url_is_an_upload_like_any_other(site, origin):
    answer = order(site, origin.url("/photo.jpg"), tags=["from", "afar"])
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert said["sha256"] == SHA256 and said["bytes"] == len(CONTENT)
    assert answer.headers["Location"] == f"/v1/assets/{said['id']}"
    [upload] = site.get(f"/v1/assets/{said['id']}").json()["uploads"]
    assert upload["file_name"] == "photo.jpg" and upload["tags"] == ["from", "afar"]
    assert site.get(f"/v1/assets/{said['id']}/original").content == CONTENT
    again = order(site, origin.url("/photo.jpg"), file_name="mine.jpg", sha256=SHA256)
    assert again.status_code == 200 and again.json()["status"] == "EXISTING"
    names = [upload["file_name"] for upload in
             site.get(f"/v1/assets/{said['id']}").json()["uploads"]]
    assert names == ["photo.jpg", "mine.jpg"]


@pytest.mark.parametrize("path", ["/unsized", "/chunked", "/long", "/photo?secret=1"])
def test_what_is_a_proper_answer_is_taken(site, origin, path):
    answer = order(site, origin.url(path))
    assert answer.status_code in (200, 201) and answer.json()["sha256"] == SHA256


def test_the_answer_names_the_file_where_the_client_does_not(site, origin):
    asset = order(site, origin.url("/named")).json()["id"]
    names = [upload["file_name"] for upload in site.get(f"/v1/assets/{asset}").json()["uploads"]]
    assert "from the head.bin" in names


def test_redirects_are_followed_and_end(site, origin):
    for status in (301, 302, 303, 307, 308):
        target = "/redirect?status=%d&to=%s" % (status, quote("/redirect?to=/photo.jpg"))
        assert order(site, origin.url(target)).json()["sha256"] == SHA256
    problem = site.problem(order(site, origin.url("/loop")), 502, "FETCH_FAILED")
    assert "5 redirects" in problem["detail"]


def inside(origin, inner):
    port, other = origin.port, inner.port
    return [inner.url("/photo"), f"http://127.9.9.9:{port}/", f"http://[::1]:{port}/",
            f"http://[::ffff:127.0.0.2]:{port}/", "http://169.254.169.254/latest/meta-data/",
            f"http://2130706441:{other}/photo", f"http://0x7f000009:{other}/photo",
            f"http://0177.0.0.011:{other}/photo", f"http://127.9:{other}/photo",
            f"http://0:{port}/", "http://10.0.0.1/", "http://100.64.0.1/", "http://[fd00::1]/",
            "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[fe80::1]/",
            "http://192.168.0.1/", "http://224.0.0.1/"]


def test_no_address_inside_is_reached_by_name_by_number_or_by_redirect(site, origin, inner):
    for url in inside(origin, inner):
        problem = site.problem(order(site, url), 403, "URL_NOT_ALLOWED")
        assert "fetch.allow_addresses" in problem["detail"], url
        led = origin.url("/redirect?to=" + quote(url, safe=""))
        site.problem(order(site, led), 403, "URL_NOT_ALLOWED")
    assert inner.asked == [], "somebody got in"


@pytest.mark.parametrize("url", [
    "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "data:text/plain,x",
    "dict://127.0.0.1:11211/stat", "scp://127.0.0.1/x"])
def test_only_http_is_spoken(site, origin, url):
    assert order(site, url).json()["code"] in ("URL_NOT_ALLOWED", "BAD_REQUEST")
    led = order(site, origin.url("/redirect?to=" + quote(url, safe="")))
    assert led.json()["code"] in ("URL_NOT_ALLOWED", "FETCH_FAILED", "BAD_REQUEST"), led.text


@pytest.mark.parametrize("path, status, code", [
    ("/nothing", 502, "FETCH_FAILED"), ("/failing", 502, "FETCH_FAILED"),
    ("/empty", 502, "FETCH_FAILED"), ("/short", 502, "FETCH_FAILED"),
    ("/cut_chunk", 502, "FETCH_FAILED"), ("/nonsense", 502, "FETCH_FAILED"),
    ("/bomb", 502, "FETCH_FAILED"), ("/huge", 413, "TOO_LARGE"), ("/endless", 413, "TOO_LARGE"),
    ("/slow", 503, "TIMEOUT"), ("/silent", 503, "TIMEOUT")])
def test_a_hostile_server_gets_its_code_in_bounded_time(site, origin, path, status, code):
    began = time.monotonic()
    problem = site.problem(order(site, origin.url(path)), status, code)
    assert time.monotonic() - began < 15
    if path == "/nothing":
        assert "404" in problem["detail"]
    if path == "/failing":
        assert "503" in problem["detail"]


@pytest.mark.parametrize("path, word", [
    ("/endless_head", ""), ("/endless_field", ""), ("/endless_hints", ""), ("/endless_trailer", ""),
    ("/endless_redirect", "302"), ("/nonsense_chunk", ""), ("/two_lengths", ""), ("/negative", ""),
    ("/part", "206"), ("/unchanged", "304"), ("/switch", "101"), ("/locked", "401")])
def test_what_is_no_whole_file_is_refused_at_once(site, origin, path, word):
    problem = site.problem(order(site, origin.url(path)), 502, "FETCH_FAILED")
    assert word in problem["detail"]


@pytest.mark.parametrize("url", [
    "http://user:pa55word@127.0.0.1/photo", "http://127.0.0.1:99999/", "http://a b/"])
def test_where_a_url_leads_is_not_the_client_s_fault(site, origin, url):
    led = origin.url("/redirect?to=" + quote(url, safe=""))
    problem = site.problem(order(site, led), 502, "FETCH_FAILED")
    assert "leads to a URL that is not fetched" in problem["detail"]
    assert "pa55word" not in problem["detail"] + site.log()
    site.problem(order(site, url), 400, "BAD_REQUEST")


def test_what_was_refused_has_left_nothing(site):
    audit = Audit(site.state())
    site.until(lambda: not audit.unfinished())
    assert {key for key in audit.files() if not key.startswith("probe/")} - \
        audit.owned().keys() == set()


def test_nobody_is_told_credentials_and_none_are_used(site, origin):
    url = f"http://user:pa55word@127.0.0.1:{origin.port}/photo"
    site.problem(order(site, url), 400, "BAD_REQUEST")
    assert "pa55word" not in site.log()
    assert not any("uthorization" in head or "ookie" in head for head in origin.heads)


def test_the_hash_of_what_came_is_held_against_what_was_said(site, origin):
    url = origin.url("/photo")
    site.problem(order(site, url, sha256="00" * 32), 422, "DIGEST_MISMATCH")
    site.problem(order(site, url, sha256="xyz"), 400, "BAD_REQUEST")
    answer = site.post("/v1/assets", json={"url": url}, headers={
        "Repr-Digest": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"})
    site.problem(answer, 422, "DIGEST_MISMATCH")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"url":7}', b'{"url":""}',
                                  b'{"url":"not a url"}', b'{"url":"http://"}',
                                  b'{"url":"http://x/","surprise":1}', b'{"a":"plain JSON file"}',
                                  b'{"url":"http://a b/"}', b'{"url":"http://x/\\r\\nX: y"}',
                                  b'{"url":"http://x/","tags":"a"}'])
def test_a_malformed_order_says_so(site, body):
    answer = site.post("/v1/assets", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["code"] in ("BAD_REQUEST", "MISSING_UPLOAD")


def test_json_files_still_come_in(site):
    content = json.dumps({"url": "a file that has such a member"}).encode()
    raw = site.post("/v1/assets", data=content,
                    headers={"Content-Type": "application/octet-stream"})
    assert raw.status_code == 201
    form = site.post("/v1/assets", files={"file": ("x.json", content, "application/json")})
    assert form.json()["id"] == raw.json()["id"]


def test_a_client_that_goes_away_ends_the_fetch(site, origin):
    origin.left.clear()
    body = json.dumps({"url": origin.url("/slow")}).encode()
    before = len(origin.asked)
    with socket.create_connection(("127.0.0.1", site.port)) as client:
        client.sendall(b"POST /v1/assets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        site.until(lambda: len(origin.asked) > before)
    began = time.monotonic()
    assert origin.left.wait(5), "the fetch went on for nobody"
    assert time.monotonic() - began < 2, "it ended because it was slow, not because nobody waits"


def test_many_at_once_are_one_asset_each(site, origin):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(order(site, origin.url("/photo"))))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.json()["sha256"] for answer in answers} == {SHA256}


def test_without_a_list_nothing_is_fetched(start_server, origin):
    server = start_server()
    problem = server.problem(order(server, origin.url("/photo")), 403, "URL_NOT_ALLOWED")
    assert "fetch.allow" in problem["detail"]


@pytest.mark.embedded_only("S3's own client is to go by such a proxy")
def test_only_hosts_of_the_list_are_asked(start_server, origin):
    server = start_server({"fetch.allow": f"example.org,127.0.0.1:{origin.port}",
                           "fetch.allow_addresses": "127.0.0.0/8,::1"},
                          environment={"http_proxy": origin.url("/"), "ALL_PROXY": origin.url("/")})
    assert order(server, origin.url("/photo")).status_code == 201
    before = len(origin.asked)
    for url in (origin.url("/photo", "127.0.0.2"), origin.url("/photo", "localhost"),
                "http://127.0.0.1:1/", "http://www.example.org/"):
        problem = server.problem(order(server, url), 403, "URL_NOT_ALLOWED")
        assert "fetch.allow" in problem["detail"]
    assert len(origin.asked) == before, "a proxy of the environment was asked"
    led = origin.url("/redirect?to=" + quote(origin.url("/photo", "127.0.0.2"), safe=""))
    server.problem(order(server, led), 403, "URL_NOT_ALLOWED")


def test_a_list_that_makes_no_sense_is_said_at_the_start(tmp_path, stack):
    from calotype_server import run_command
    if stack != "embedded":
        pytest.skip("of the command alone")
    for setting, word in (("fetch.allow=http://x", "fetch.allow"),
                          ("fetch.allow_addresses=10.0.0.0/99", "fetch.allow_addresses")):
        done = run_command("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--set",
                           setting)
        assert done.returncode == 1 and word in done.stderr and "BAD_CONFIG" in done.stderr
