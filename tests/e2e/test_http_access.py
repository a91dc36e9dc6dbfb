# SPDX-License-Identifier: Apache-2.0
"""Who may do what: API keys and their scopes, proof of possession, signed URLs, the address."""

import base64
import hashlib
import hmac
import os
import time

import pytest
from calotype_server import run_command
from picture_files import encoded, scene

STACKS = ("embedded", "cluster")

KEY = "a secret of ours"


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def make_key(site, scopes, by=None):
    answer = site.post("/v1/keys", json={"name": "-".join(scopes), "scopes": scopes},
                       headers=bearer(by) if by else {})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def keyed(start_server):
    site = start_server()
    site.keys = {"admin": make_key(site, ["admin"])["key"]}
    for scope in ("read", "write"):
        site.keys[scope] = make_key(site, [scope], site.keys["admin"])["key"]
    return site


def test_the_first_key_must_be_able_to_make_others(start_server):
    site = start_server()
    refused = site.post("/v1/keys", json={"name": "x", "scopes": ["read"]})
    site.problem(refused, 400, "BAD_REQUEST")
    for body in (b"", b"[]", b'{"name":"x"}', b'{"name":"","scopes":["admin"]}',
                 b'{"name":"x","scopes":["root"]}', b"{" * 100_000):
        assert site.post("/v1/keys", data=body).status_code in (400, 413)


def test_scopes_open_what_they_say_and_nothing_else(keyed):
    put = keyed.post("/v1/assets", data=b"hello", headers=bearer(keyed.keys["write"]))
    assert put.status_code == 201
    asset = put.json()["id"]
    shown = keyed.get(f"/v1/assets/{asset}", headers=bearer(keyed.keys["read"])).json()
    assert shown["uploads"][0]["uploader"] == "write"
    table = [("GET", "/v1/assets", "read"), ("GET", f"/v1/assets/{asset}", "read"),
             ("HEAD", f"/v1/assets/{asset}", "read"),
             ("HEAD", f"/v1/assets/sha256:{'0' * 64}", "write"),
             ("GET", f"/v1/assets/sha256:{hashlib.sha256(b'hello').hexdigest()}", "read"),
             ("GET", f"/v1/assets/{asset}/original", "read"),
             ("GET", f"/v1/assets/{asset}/events", "read"),
             ("POST", "/v1/assets", "write"), ("POST", f"/v1/assets/{asset}/retry", "write"),
             ("GET", "/v1/jobs", "admin"), ("POST", "/v1/jobs/x/retry", "admin"),
             ("GET", "/v1/keys", "admin"), ("DELETE", "/v1/keys/x", "admin"),
             ("DELETE", f"/v1/assets/{asset}", "write")]
    for method, target, scope in table:
        def ask(headers, method=method, target=target):
            return keyed.session.request(method, keyed.url + target, headers=headers, timeout=20)
        for headers in ({}, bearer("cal_wrong"), {"Authorization": "Basic eDp5"}):
            refused = ask(headers)
            assert refused.status_code == 401, (method, target)
            assert refused.headers["WWW-Authenticate"] == "Bearer"
        for other in {"read", "write"} - {scope}:
            assert ask(bearer(keyed.keys[other])).status_code == 403, (method, target)
        assert ask(bearer(keyed.keys[scope])).status_code not in (401, 403), (method, target)
    for target in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/"):
        assert keyed.get(target).status_code in (200, 503)


def test_a_revoked_key_ends_within_a_second(keyed):
    admin = bearer(keyed.keys["admin"])
    made = make_key(keyed, ["read"], keyed.keys["admin"])
    assert keyed.get("/v1/assets", headers=bearer(made["key"])).status_code == 200
    listed = keyed.get("/v1/keys", headers=admin).json()["keys"]
    assert "key" not in listed[0] and len(listed) == 4
    assert keyed.delete(f"/v1/keys/{made['id']}", headers=admin).status_code == 204
    time.sleep(1)
    keyed.problem(keyed.get("/v1/assets", headers=bearer(made["key"])), 401, "UNAUTHORIZED")
    keyed.problem(keyed.delete(f"/v1/keys/{made['id']}", headers=admin), 404, "KEY_NOT_FOUND")


def test_a_leaked_hash_opens_nothing(keyed):
    writer = bearer(keyed.keys["write"])
    content = os.urandom(300_000)
    keyed.post("/v1/assets", data=content, headers=writer)
    target = f"/v1/assets/sha256:{hashlib.sha256(content).hexdigest()}/uploads"
    asked = keyed.post(target, json={"file_name": "x"}, headers=writer)
    challenge = keyed.problem(asked, 428, "PROOF_REQUIRED")
    part = content[challenge["offset"]:challenge["offset"] + challenge["length"]]

    def prove(nonce, data):
        return keyed.post(target, headers=writer, json={"file_name": "x", "proof": {
            "nonce": nonce, "sha256": hashlib.sha256(nonce.encode() + data).hexdigest()}})

    keyed.problem(prove(challenge["nonce"], part[:-1]), 403, "FORBIDDEN")
    keyed.problem(prove("made.up.by.us.x", part), 428, "PROOF_REQUIRED")
    assert prove(challenge["nonce"], part).json()["status"] == "EXISTING"


def test_it_listens_to_others_only_with_keys(tmp_path):
    done = run_command("serve", "--listen", "0.0.0.0:0", "--data", tmp_path / "data")
    assert done.returncode == 1
    assert "key create" in done.stderr and "0.0.0.0" in done.stderr


def test_a_port_that_is_taken_is_said_plainly(start_server, tmp_path):
    port = start_server().port
    done = run_command("serve", "--listen", f"127.0.0.1:{port}", "--data", tmp_path / "data")
    assert done.returncode == 1 and str(port) in done.stderr


def signed(target):
    mac = hmac.new(KEY.encode(), target.encode(), hashlib.sha256).digest()
    return target + ("&" if "?" in target else "?") + "s=" + \
        base64.urlsafe_b64encode(mac).decode().rstrip("=")


def test_pictures_need_a_signature_where_that_is_required(start_server):
    site = start_server({"delivery.require_signature": "true", "delivery.signing_key": KEY})
    asset = site.put_inspected(encoded(scene(200, 150), "jpeg"))["id"]
    for _ in range(3):  # cold, then hot
        for target in (f"/i/{asset}?w=50", f"/asset/{asset}/variant/thumb",
                       f"/v/{asset}/thumb.webp"):
            site.problem(site.get(target), 403, "BAD_SIGNATURE")
            good = signed(target)
            assert site.get(good).status_code == 200, target
            for bad in (good[:-1], good + "x", good + "&w=60", good.replace(asset[:4], "aaaa"),
                        target + ("&" if "?" in target else "?") + "s=", signed(target) + "&s=x"):
                site.problem(site.get(bad), 403, "BAD_SIGNATURE")
    answer = site.get(signed(f"/v/{asset}/thumb.webp"))
    assert answer.history[0].status_code == 302  # to a URL that the server signed itself
    url = site.get(signed(f"/asset/{asset}/variant/thumb")).json()["url"]
    assert site.get(url).status_code == 200 and "s=" in url
    site.problem(site.get(url.split("?")[0]), 403, "BAD_SIGNATURE")
    said = site.get(f"/v1/assets/{asset}").json()["urls"]["thumb"]
    assert site.get(said).status_code == 200


def test_whoever_may_read_gets_pictures_urls_signed(start_server):
    site = start_server({"delivery.require_signature": "true", "delivery.signing_key": KEY,
                         "imgproxy.key": "00ff" * 8, "imgproxy.salt": "aa" * 8})
    asset = site.put_inspected(encoded(scene(200, 150), "jpeg"))["id"]
    reader = bearer(make_key(site, ["read"], make_key(site, ["admin"])["key"])["key"])

    def sign(target, headers=reader):
        return site.get("/v1/sign", params={"target": target}, headers=headers)

    for target in (f"/v/{asset}/w=40.webp", f"/v/{asset}/thumb.webp", f"/i/{asset}?w=50",
                   f"/asset/{asset}/variant/thumb", f"/iiif/3/{asset}/full/60,/0/default.jpg",
                   f"/cloudinary/image/upload/w_50/{asset}.png",
                   f"/imgproxy/unsafe/w:40/plain/{asset}@png", f"/iiif/3/{asset}/info.json"):
        site.problem(site.get(target), 403, "BAD_SIGNATURE")
        url = sign(target).json()["url"]
        assert site.get(url).status_code == 200, url
        assert sign(url).json()["url"] == url
    assert sign(f"/i/{asset}?w=50").json()["url"] == signed(f"/i/{asset}?w=50")
    base = sign(f"/iiif/3/{asset}").json()["url"]
    assert sign(base).json()["url"] == base
    assert site.get(base + "/full/60,/0/default.jpg").status_code == 200
    for bad in ("", "/v1/assets", f"https://x.example/v/{asset}/thumb.webp", f"v/{asset}/a.webp",
                f"/v/{asset}/a b.webp", f"/v/{asset}/ü.webp", f"/i/{asset}?w=1#x", "/v/"):
        site.problem(sign(bad), 400, "BAD_REQUEST")
    site.problem(site.get("/v1/sign", headers=reader), 400, "BAD_REQUEST")
    site.problem(sign(f"/i/{asset}?w=50", None), 401, "UNAUTHORIZED")


def test_a_url_that_needs_no_signature_gets_none(site):
    asset = site.put_inspected(encoded(scene(93, 70), "png"))["id"]
    target = f"/i/{asset}?w=50"
    assert site.get("/v1/sign", params={"target": target}).json() == {"url": target}


def test_without_keys_a_page_of_another_origin_changes_nothing(start_server):
    """Whoever runs Calotype on a laptop also visits pages there, and those can reach loopback."""
    site = start_server({"http.cors_origins": "https://app.example"})
    asset = site.put_inspected(encoded(scene(90, 70), "png"))
    target = site.url + f"/v1/assets/{asset['id']}"
    for origin in ["https://evil.example", "null", "http://localhost.evil.example",
                   "http://127.0.0.1.evil.example:8080", "https://evil.example:127.0.0.1"]:
        for method, url in [("DELETE", target), ("POST", site.url + "/v1/keys"),
                            ("GET", site.url + "/v1/keys"), ("GET", site.url + "/v1/jobs")]:
            answer = site.session.request(method, url, headers={"Origin": origin})
            assert answer.status_code == 403, (origin, method, url)
            assert answer.json()["code"] == "FORBIDDEN"
    assert site.get(f"/v1/assets/{asset['id']}").json()["state"] != "DELETED"
    for origin in ["https://app.example", "http://localhost:3000", "http://[::1]:8080",
                   "http://127.0.0.1", None]:
        headers = {"Origin": origin} if origin else {}
        assert site.session.get(site.url + "/v1/jobs", headers=headers).status_code == 200, origin
    headers = {"Origin": "http://localhost:3000"}
    assert site.session.delete(target, headers=headers).status_code in (200, 202, 204)


def test_a_star_lets_pages_read_and_not_delete(site):
    asset = site.put_inspected(encoded(scene(91, 70), "png"))
    headers = {"Origin": "https://any.example"}
    assert site.session.get(site.url + f"/v1/assets/{asset['id']}",
                            headers=headers).headers["Access-Control-Allow-Origin"] == "*"
    refusal = site.session.delete(site.url + f"/v1/assets/{asset['id']}", headers=headers)
    assert (refusal.status_code, refusal.json()["code"]) == (403, "FORBIDDEN")
    assert refusal.headers["Access-Control-Allow-Origin"] == "*"
