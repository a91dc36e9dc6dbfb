# SPDX-License-Identifier: Apache-2.0
"""What delivery promises over HTTP: validators, ranges, caching, negotiation, order, origins."""

import socket
import time

import pytest
from picture_files import encoded, scene
from raw_http import RawConnection, ask

STACKS = ("embedded", "cluster")

YEAR = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def asset(site):
    return site.put_inspected(encoded(scene(800, 600), "jpeg"))


@pytest.fixture(scope="module")
def url(site, asset):
    return site.get(f"/asset/{asset['id']}/variant/w=200&fm=webp").json()["url"]


def test_the_first_request_makes_it_and_the_next_finds_it(site, asset):
    target = f"/i/{asset['id']}?w=123&fm=jpg"
    first, second, third = (site.get(target) for _ in range(3))
    assert [answer.headers["X-Cache"] for answer in (first, second, third)] == \
        ["MISS", "HIT", "HIT"]
    assert first.content == second.content == third.content


def test_a_versioned_url_is_immutable_and_carries_validators(site, url):
    for _ in range(2):  # from the store, and hot
        answer = site.get(url)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == YEAR
        assert answer.headers["Content-Type"] == "image/webp"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["ETag"].startswith('"') and "Last-Modified" in answer.headers
        assert "Vary" not in answer.headers and "Date" in answer.headers


@pytest.mark.parametrize("warm", [False, True])
def test_conditions_and_ranges_hold_cold_and_hot(site, asset, warm):
    target = f"/i/{asset['id']}?w={301 + warm}&fm=png"
    whole = site.get(target)
    if warm:
        site.get(target)
    etag, body = whole.headers["ETag"], whole.content
    cases = [({"If-None-Match": etag}, 304, b""),
             ({"If-None-Match": f'"x", W/{etag}'}, 304, b""),
             ({"If-None-Match": "*"}, 304, b""),
             ({"If-None-Match": '"x"'}, 200, body),
             ({"If-Modified-Since": whole.headers["Last-Modified"]}, 304, b""),
             ({"If-Match": '"x"'}, 412, None),
             ({"Range": "bytes=0-9"}, 206, body[:10]),
             ({"Range": "bytes=-7"}, 206, body[-7:]),
             ({"Range": "bytes=100-"}, 206, body[100:]),
             ({"Range": "bytes=0-9", "If-Range": etag}, 206, body[:10]),
             ({"Range": "bytes=0-9", "If-Range": '"x"'}, 200, body),
             ({"Range": f"bytes={len(body)}-"}, 416, None),
             ({"Range": "bytes=9-0"}, 200, body)]
    for headers, status, content in cases:
        answer = site.get(target, headers=headers)
        assert answer.status_code == status, headers
        if content is not None:
            assert answer.content == content, headers
        if status == 412:
            site.problem(answer, 412, "PRECONDITION_FAILED")
        if status == 416:
            assert answer.headers["Content-Range"] == f"bytes */{len(body)}"
        if status == 304:
            assert answer.headers["ETag"] == etag and "Content-Length" not in answer.headers
    several = site.get(target, headers={"Range": "bytes=0-3,10-12"})
    assert several.status_code == 206
    boundary = several.headers["Content-Type"].split("boundary=")[1].encode()
    parts = several.content.split(b"--" + boundary)
    assert parts[1].split(b"\r\n\r\n", 1)[1] == body[:4] + b"\r\n"
    assert parts[2].split(b"\r\n\r\n", 1)[1] == body[10:13] + b"\r\n"
    assert parts[3] == b"--\r\n"


def test_head_has_the_head_of_get_and_no_body(site, url):
    full = site.get(url)
    empty = site.session.head(site.url + url)
    assert empty.content == b"" and empty.status_code == 200
    for name in ("Content-Length", "ETag", "Content-Type", "Cache-Control", "X-Cache"):
        assert empty.headers[name] == full.headers[name]


def test_a_url_without_or_with_an_old_version_leads_to_the_current_one(site, asset):
    for name in ("thumb.webp", "thumb.aaaaaaaa.webp", "w=50&h=40.webp"):
        answer = site.get(f"/v/{asset['id']}/{name}", allow_redirects=False)
        assert answer.status_code == 302, answer.text
        assert answer.headers["Cache-Control"] == "no-cache"
        there = site.get(answer.headers["Location"], allow_redirects=False)
        assert there.status_code == 200 and there.headers["Cache-Control"] == YEAR


def test_auto_is_decided_by_accept_and_says_that_it_varies(site, asset):
    for accept, media_type in [("image/avif,image/webp,*/*", "image/avif"),
                               ("image/webp,*/*", "image/webp"), ("*/*", "image/jpeg")]:
        for _ in range(3):
            answer = site.get(f"/i/{asset['id']}?w=60&auto=format", headers={"Accept": accept})
            assert answer.headers["Content-Type"] == media_type
            assert answer.headers["Vary"] == "Accept"
        answer = site.get(f"/v/{asset['id']}/thumb.auto", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == media_type
        assert answer.history[0].headers["Vary"] == "Accept"


def test_pipelined_requests_are_answered_in_order(site, asset, url):
    targets = [url, "/nowhere", f"/v1/assets/{asset['id']}", url, "/readyz"] * 20
    bodies = {target: site.get(target).content for target in set(targets)}
    with RawConnection(site) as connection:
        connection.send(b"".join(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                                 for target in targets))
        for target in targets:
            status, _, body = connection.answer()
            assert status == (404 if target == "/nowhere" else 200)
            assert body == bodies[target]


def test_large_hot_answers_reach_slow_readers_whole(site, asset, url):
    large = f"/i/{asset['id']}?w=800&fm=png"
    whole, small = site.get(large).content, site.get(url).content
    assert len(whole) > 100_000
    for _ in range(8):  # hot on whichever server and thread
        assert site.get(large).content == whole
    requests = [("GET", large, "", whole), ("GET", url, "", small), ("HEAD", large, "", b""),
                ("GET", large, "Range: bytes=40000-139999\r\n", whole[40_000:140_000]),
                ("GET", large, "", whole)] * 15  # fewer than make it popular, and so another file
    with RawConnection(site) as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        connection.send(b"".join(f"{method} {target} HTTP/1.1\r\nHost: a\r\n{field}\r\n".encode()
                                 for method, target, field, _ in requests))
        time.sleep(0.5)  # the server is blocked by now, in the middle of one of them
        for method, _, field, body in requests:
            status, headers, got = connection.answer(head_only=method == "HEAD")
            assert status == (206 if field else 200)
            assert got == body
            assert headers["content-length"] == str(len(whole if method == "HEAD" else body))


def test_http_1_0_and_close_are_honoured(site, url):
    for head, keeps in [(f"GET {url} HTTP/1.0\r\n", False),
                        (f"GET {url} HTTP/1.0\r\nConnection: keep-alive\r\n", True),
                        (f"GET {url} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", False)]:
        with RawConnection(site) as connection:
            connection.send(head.encode() + b"\r\n")
            status, headers, _ = connection.answer()
            assert status == 200
            assert headers["connection"] == ("keep-alive" if keeps else "close")
            if not keeps:
                assert connection.ended()


def test_the_original_comes_back_safely_and_by_ranges(site):
    content = b"<script>alert(1)</script>" * 100_000
    put = site.put(content, params={"file_name": 'a "b".html'})
    target = f"/v1/assets/{put['id']}/original"
    whole = site.get(target)
    assert whole.content == content
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Security-Policy"] == "sandbox"
    assert whole.headers["Content-Disposition"].startswith("attachment; filename=")
    assert whole.headers["ETag"] == f'"{put["sha256"]}"'
    part = site.get(target, headers={"Range": "bytes=1000000-1999999"})
    assert part.status_code == 206 and part.content == content[1_000_000:2_000_000]


def test_an_asset_that_is_gone_is_gone_from_everywhere(site, stack):
    asset = site.put_inspected(encoded(scene(90, 70), "png"))
    target = f"/i/{asset['id']}?w=20"
    for _ in range(3):
        assert site.get(target).status_code == 200
    assert site.delete(f"/v1/assets/{asset['id']}").status_code == 204
    if stack == "cluster":  # in force at once where it was asked for, elsewhere within a second
        site.until(lambda: all(site.get(target).status_code == 404 for _ in range(4)), wait=1)
    for _ in range(10):
        site.problem(site.get(target), 404, "ASSET_NOT_FOUND")
        assert site.get(target).headers["Cache-Control"] == "no-store"
    site.problem(site.get(f"/v1/assets/{asset['id']}"), 404, "ASSET_NOT_FOUND")
    events = site.get(f"/v1/assets/{asset['id']}/events").json()["events"]
    assert events[-1]["to"] == "DELETED"


def test_pages_of_any_origin_may_read(site, url):
    for _ in range(2):
        answer = site.get(url, headers={"Origin": "https://page.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    preflight = site.session.options(site.url + "/v1/assets", headers={
        "Origin": "https://page.example", "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Repr-Digest" in preflight.headers["Access-Control-Allow-Headers"]


def test_only_listed_origins_may_read_where_there_is_a_list(start_server):
    site = start_server({"http.cors_origins": "https://good.example"})
    asset = site.put_inspected(encoded(scene(90, 70), "png"))
    for _ in range(3):
        for origin, allowed in [("https://good.example", True), ("https://bad.example", False),
                                (None, False)]:
            answer = site.get(f"/i/{asset['id']}?w=20",
                              headers={"Origin": origin} if origin else {})
            assert answer.headers["Vary"] == "Origin"
            assert answer.headers.get("Access-Control-Allow-Origin") == \
                (origin if allowed else None)


def test_refusals_are_problems_with_a_code(site, asset):
    unknown = "a" * 26
    for target, status, code in [
            ("/nowhere", 404, "ROUTE_NOT_FOUND"),
            (f"/i/{unknown}?w=10", 404, "ASSET_NOT_FOUND"),
            (f"/v1/assets/{unknown}", 404, "ASSET_NOT_FOUND"),
            ("/v1/assets/x/original", 404, "ASSET_NOT_FOUND"),
            (f"/i/{asset['id']}?w=abc", 400, "BAD_RECIPE"),
            (f"/i/{asset['id']}?sharpness=3", 400, "BAD_RECIPE"),
            (f"/v/{asset['id']}/nopreset.webp", 400, "BAD_RECIPE"),
            (f"/v/{asset['id']}/w=%zz.webp", 400, "BAD_RECIPE"),
            (f"/asset/{asset['id']}/variant/thumb?size=1", 400, "BAD_REQUEST"),
            (f"/i/{asset['id']}?w=60000&h=60000&fit=fill", 422, "LIMIT_EXCEEDED"),
            ("/v1/assets?limit=0", 400, "BAD_REQUEST"),
            ("/v1/assets?state=GREAT", 400, "BAD_REQUEST"),
            ("/v1/assets?cursor=%zz", 400, "BAD_REQUEST")]:
        answer = site.get(target)
        problem = site.problem(answer, status, code)
        assert answer.headers["Cache-Control"] == "no-store", target
        assert (code == "LIMIT_EXCEEDED") == ("limit" in problem), problem
    answer = site.session.put(site.url + "/v1/assets", data=b"x")
    site.problem(answer, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
     400),
    (b"POST /v1/assets HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /v1/assets HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
])
def test_what_could_be_read_in_two_ways_ends_the_connection(site, request_bytes, status):
    with RawConnection(site) as connection:
        connection.send(request_bytes + b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.answer()[0] == status
        assert connection.ended(), "what follows must not be taken for a request"


def test_health_readiness_metrics_and_contract_answer(site):
    assert site.until(lambda: site.get("/healthz").status_code == 200)
    assert site.get("/readyz").json() == {"status": "ok"}
    assert site.get("/openapi.json").json()["openapi"] == "3.1.0"
    text = site.get("/metrics").text
    for name in ("variant_requests_total", "http_requests_total", "http_connections",
                 "http_sent_bytes_total"):
        assert name in text


def test_hot_hits_are_counted(site, url):
    site.get(url)
    before = site.metric("variant_requests_total", result="hot")
    for _ in range(5):
        site.get(url)
    assert site.metric("variant_requests_total", result="hot") == before + 5


def test_pictures_that_are_not_ready_say_so(site):
    asset = site.put(encoded(scene(2000, 1500), "png"))
    answer = site.get(f"/i/{asset['id']}?w=33")
    if answer.status_code == 202:  # inspection may be quicker than we are
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json()["code"] == "ASSET_PROCESSING"
    site.settled(asset["id"])
    assert site.get(f"/i/{asset['id']}?w=33").status_code == 200


def test_an_options_request_lists_the_methods(site):
    status, headers, body = ask(site, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert status == 204 and "GET" in headers["allow"] and body == b""
