# SPDX-License-Identifier: Apache-2.0
"""Takedowns: what is taken down is gone, stays out by every way in, and is named with everything
that caches may still hold of it."""

import fnmatch
import hashlib
import itertools
import os
import threading

import pytest
import requests
from picture_files import encoded, scene
from stacks import Audit
from tus_client import BODY, VERSION

STACKS = ("embedded", "cluster")


@pytest.fixture(scope="module")
def site(make_server, tmp_path_factory):
    server = make_server(tmp_path_factory.mktemp("takedown"), {"verify.shares": 0})
    server.start()
    yield server
    assert server.stop() == 0


def picture():
    size = os.urandom(2)
    return encoded(scene(200 + size[0], 200 + size[1]), "jpeg") + os.urandom(4)


def take_down(site, asset, **more):
    answer = site.post("/v1/takedowns", json={"asset": asset} | more)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/takedowns/{answer.json()['id']}"
    return answer.json()


def name_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def assert_barred(site, content, tmp_path):
    """By every way in, on every server."""
    for _ in range(2):
        site.problem(site.post("/v1/assets", data=content), 451, "ASSET_BARRED")
    form = site.post("/v1/assets", files={"file": ("a.jpg", content)})
    site.problem(form, 451, "ASSET_BARRED")
    site.problem(site.post(f"/v1/assets/{name_of(content)}/uploads", json={}), 451, "ASSET_BARRED")
    assert site.session.head(f"{site.url}/v1/assets/{name_of(content)}").status_code == 451
    path = tmp_path / "barred.jpg"
    path.write_bytes(content)
    done = site.command("put", path)
    assert done.returncode == 1 and "ASSET_BARRED" in done.stderr
    (tmp_path / "folder").mkdir(exist_ok=True)
    (tmp_path / "folder" / "barred.jpg").write_bytes(content)
    done = site.command("import", tmp_path / "folder", "--journal", tmp_path / "journal")
    assert done.returncode == 1 and "ASSET_BARRED" in done.stdout


def test_what_is_taken_down_is_gone_and_stays_out(site, tmp_path):
    content = picture()
    asset = site.put_inspected(content)
    url = site.variant(asset, "thumb")[0]["url"]
    assert site.get(url).status_code == 200
    taken = take_down(site, asset["id"], reason="asked for by its author")
    assert taken["assets"] == [asset["id"]] and taken["digests"] == [asset["sha256"]]
    assert taken["reason"] == "asked for by its author"
    site.until(lambda: all(site.get(url).status_code == 404 for _ in range(4)))
    site.problem(site.get(f"/v1/assets/{asset['id']}"), 404, "ASSET_NOT_FOUND")
    assert_barred(site, content, tmp_path)
    audit = Audit(site.state())
    original = f"raw/{asset['sha256'][:2]}/{asset['sha256'][2:4]}/{asset['sha256']}"
    site.until(lambda: original not in audit.files())
    assert not [key for key in audit.unowned() if asset["sha256"] in key]

    listed = site.get("/v1/takedowns").json()["takedowns"]
    assert listed[0] == {key: taken[key] for key in listed[0]}
    assert site.get(f"/v1/takedowns/{taken['id']}").json() == taken
    assert site.delete(f"/v1/takedowns/{taken['id']}").status_code == 204
    site.problem(site.delete(f"/v1/takedowns/{taken['id']}"), 404, "ASSET_NOT_FOUND")
    site.problem(site.get(f"/v1/takedowns/{taken['id']}"), 404, "ASSET_NOT_FOUND")
    site.problem(site.get(f"/v1/assets/{asset['id']}"), 404, "ASSET_NOT_FOUND")
    again = site.put(content)
    assert again["status"] == "PENDING" and again["id"] == asset["id"]
    site.settled(asset["id"])


def test_the_purge_list_has_every_url_that_was_served(site):
    asset = site.put_inspected(picture())
    ident, hashed = asset["id"], "sha256:" + asset["sha256"]
    thumb = site.variant(asset, "thumb")[0]["url"]
    native = site.get(f"/v/{ident}/w=77.webp")  # by its redirect to the current version
    assert native.status_code == 200 and native.history
    served = [thumb, "/" + native.url.split("/", 3)[3]]
    spelled = [f"/i/{ident}?w=90&fm=png", f"/iiif/3/{ident}/full/64,/0/default.jpg",
               f"/iiif/3/{ident}/info.json", f"/cloudinary/image/upload/w_50/{ident}.png",
               f"/imgproxy/unsafe/w:40/plain/{ident}@png", f"/v/{hashed}/w=66.png"]
    for target in spelled:
        answer = site.get(target)
        assert answer.status_code == 200, f"{target}: {answer.text}"
        assert answer.headers["Cache-Tag"] == ident
    site.until(lambda: len(site.get(f"/v1/assets/{ident}/variants").json()["variants"]) >= 7)
    variants = site.get(f"/v1/assets/{ident}/variants").json()["variants"]
    taken = take_down(site, ident)
    assert {row["recipe"] for row in taken["variants"]} == {row["recipe"] for row in variants}
    assert {row["url"] for row in variants} <= set(taken["urls"])
    assert set(served) <= set(taken["urls"])
    assert taken["cache_tags"] == [ident]
    for target in [*spelled, *taken["urls"]]:
        assert any(fnmatch.fnmatchcase(target, pattern) for pattern in taken["patterns"]), target


def test_an_upload_under_way_does_not_outlive_it(site):
    for _ in range(3):
        content = picture()
        asset = site.put(content)["id"]
        codes = []

        def send():
            for _ in range(6):
                codes.append(requests.post(site.url + "/v1/assets", data=content,
                                           timeout=60).status_code)

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        take_down(site, asset)
        for thread in threads:
            thread.join()
        assert set(codes) <= {200, 451}
        assert site.get(f"/v1/assets/{asset}").status_code == 404
        site.problem(site.post("/v1/assets", data=content), 451, "ASSET_BARRED")


def ways_in_and_out(site, content, asset):
    """Each a request that must not succeed once its content was taken down. What other servers
    remember is theirs for a second more, so pictures are asked of one."""
    home = site.servers[0].url if hasattr(site, "servers") else site.url
    widths = itertools.count(20)
    tus = VERSION | BODY | {"Upload-Length": str(len(content))}
    return {
        "raw": lambda: requests.post(site.url + "/v1/assets", data=content, timeout=60),
        "form": lambda: requests.post(site.url + "/v1/assets", files={"file": ("a.jpg", content)},
                                      timeout=60),
        "by hash": lambda: requests.post(
            f"{site.url}/v1/assets/{name_of(content)}/uploads", json={}, timeout=60),
        "tus": lambda: requests.post(site.url + "/v1/tus/", data=content, headers=tus, timeout=60),
        "original": lambda: requests.get(f"{home}/v1/assets/{asset}/original", timeout=60),
        "new picture": lambda: requests.get(f"{home}/i/{asset}?w={next(widths)}", timeout=60),
        "same picture": lambda: requests.get(f"{home}/i/{asset}?w=90", timeout=60),
    }, home


def test_from_its_answer_on_nothing_comes_in_or_out(site):
    for _ in range(3):
        content = picture()
        asset = site.put_inspected(content)["id"]
        ways, home = ways_in_and_out(site, content, asset)
        taken, wrong, odd = threading.Event(), [], []
        begun = threading.Barrier(len(ways) + 1)

        def hammer(name, ask):
            begun.wait(60)
            is_after = False
            while not is_after:
                is_after = taken.is_set()
                status = ask().status_code
                if is_after and status < 400:
                    wrong.append((name, status))
                if status == 500:
                    odd.append((name, status))

        threads = [threading.Thread(target=hammer, args=way) for way in ways.items()]
        for thread in threads:
            thread.start()
        begun.wait(60)
        answer = requests.post(home + "/v1/takedowns", json={"asset": asset}, timeout=60)
        taken.set()
        for thread in threads:
            thread.join()
        assert answer.status_code == 201 and not wrong and not odd, (wrong, odd)
        audit = Audit(site.state())
        digest = name_of(content).removeprefix("sha256:")
        site.until(lambda: not [key for key in audit.files() if digest in key])


def test_it_holds_after_a_crash(start_server, tmp_path):
    server = start_server()
    content = picture()
    taken = take_down(server, server.put_inspected(content)["id"], reason="r")
    server.kill()
    server.start()
    assert_barred(server, content, tmp_path)
    assert server.get(f"/v1/takedowns/{taken['id']}").json()["reason"] == "r"


def test_deleted_content_can_be_barred_by_its_hash(site, tmp_path):
    content = os.urandom(999)
    asset = site.put(content)["id"]
    assert site.delete(f"/v1/assets/{asset}").status_code == 204
    taken = take_down(site, name_of(content))
    assert taken["variants"] == [] and taken["urls"] == []
    assert_barred(site, content, tmp_path)


def test_the_command_line_takes_down_lists_and_lifts(site, tmp_path):
    content = picture()
    asset = site.put_inspected(content)
    site.variant(asset, "thumb")
    done = site.command("takedown", asset["id"], "--reason", "by hand")
    assert done.returncode == 0, done.stderr
    assert asset["id"] in done.stdout and "/v/" in done.stdout
    listed = site.command_json("takedown", "--list")["takedowns"]
    [takedown] = [one["id"] for one in listed if one["reason"] == "by hand"]
    assert "by hand" in site.command("takedown", "--list").stdout
    assert_barred(site, content, tmp_path)
    assert site.command("takedown", "--lift", takedown).returncode == 0
    again = site.command("takedown", "--lift", takedown)
    assert again.returncode == 1 and "ASSET_NOT_FOUND" in again.stderr
    assert site.put(content)["status"] == "PENDING"


@pytest.mark.parametrize("order, status, code", [
    ({}, 404, "ASSET_NOT_FOUND"), ({"asset": "a" * 26}, 404, "ASSET_NOT_FOUND"),
    ({"asset": 1}, 400, "BAD_REQUEST"), ({"asset": "a", "why": "x"}, 400, "BAD_REQUEST"),
    ({"asset": "a" * 26, "reason": "x" * 2001}, 400, "BAD_REQUEST"),
    ({"asset": "a" * 26, "cluster": "yes"}, 400, "BAD_REQUEST"), ([], 400, "BAD_REQUEST")])
def test_an_order_that_makes_no_sense_bars_nothing(site, order, status, code):
    before = len(site.get("/v1/takedowns?limit=1000").json()["takedowns"])
    site.problem(site.post("/v1/takedowns", json=order), status, code)
    assert len(site.get("/v1/takedowns?limit=1000").json()["takedowns"]) == before


def test_a_reason_may_be_any_text(site):
    for reason in ("", "\x00\x1b[2J", "ü" * 1000, "'); DROP TABLE takedown;--"):
        asset = site.put(os.urandom(50))["id"]
        taken = take_down(site, asset, reason=reason)
        assert site.get(f"/v1/takedowns/{taken['id']}").json()["reason"] == taken["reason"]


def test_only_who_may_does(site):
    asset = site.put(os.urandom(50))["id"]
    foreign = site.post("/v1/takedowns", json={"asset": asset},
                        headers={"Origin": "https://evil.example"})
    site.problem(foreign, 403, "FORBIDDEN")
    assert site.get(f"/v1/assets/{asset}").status_code == 200
