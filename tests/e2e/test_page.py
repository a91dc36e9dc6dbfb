# SPDX-License-Identifier: Apache-2.0
"""The page for people: how its files are served, and what people do with it, played in Chromium by
web/tests/play.mjs (where it is checked too that no request leaves the server, that nothing is
logged as an error and that nothing breaks the page's content security policy). Screenshots go to
CALOTYPE_SCREENSHOTS, or else beside the server's data."""

import base64
import gzip
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from calotype_server import CHECKOUT, find_program
from picture_files import CORPUS, HAS_CORPUS, encoded, scene
from test_http_access import bearer, make_key
from test_jobs import with_fault

YEAR = "public, max-age=31536000, immutable"


# ---- the files ----------------------------------------------------------------------------------


def files_of(site):
    """Every file that the page names, and those that these name."""
    found, unread = set(), ["/"]
    while unread:
        text = site.get(unread.pop()).text
        named = set(re.findall(r"[\"'(./](page/[\w.-]+\.\w+)", text)) | {
            "page/" + name for name in re.findall(r"[\"']\./([\w.-]+\.(?:js|css))", text)}
        unread += [f"/{name}" for name in named - found if name.endswith((".js", ".css"))]
        found |= named
    return sorted(f"/{name}" for name in found)


def test_the_page_may_reach_nothing_but_this_server(site):
    answer = site.get("/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    policy = dict(rule.strip().split(" ", 1)
                  for rule in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' blob: data:"
    assert "http" not in re.sub(r"http://www\.w3\.org/\S+", "", answer.text)


def test_every_file_of_the_page_is_immutable_and_has_its_type(site):
    types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
             "svg": "image/svg+xml", "woff2": "font/woff2"}
    files = files_of(site)
    assert {name.rsplit(".", 1)[1] for name in files} >= {"js", "css", "svg", "woff2"}, files
    assert len(files) > 8, files
    for name in files:
        answer = site.get(name)
        assert answer.status_code == 200, name
        assert answer.headers["Content-Type"] == types[name.rsplit(".", 1)[1]]
        assert answer.headers["Cache-Control"] == YEAR
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("/page/", "/page/index.html", "/page/x.js", "/page/../index.html", "/page/a/b"):
        site.problem(site.get(name), 404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("accepted, coding", [
    ("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0.5, gzip", "gzip"),
    ("br;q=0, *", "gzip"), ("", None), ("identity", None), ("gzip;q=0, br;q=0", None),
    ("deflate", None), ("*", "br"), ("GZIP", "gzip"), (";;q=,", None)])
def test_a_file_comes_in_the_coding_that_is_liked_best(site, accepted, coding):
    plain = site.get("/", headers={"Accept-Encoding": "identity"})
    answer = site.get("/", headers={"Accept-Encoding": accepted}, stream=True)
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    raw = answer.raw.read(decode_content=False)
    assert len(raw) == int(answer.headers["Content-Length"])
    if coding:
        assert answer.headers["ETag"] != plain.headers["ETag"]
    if coding == "gzip":
        assert gzip.decompress(raw) == plain.content
    if coding is None:
        assert raw == plain.content


def test_conditions_count_for_files_too(site):
    for name in ("/", files_of(site)[0]):
        tag = site.get(name).headers["ETag"]
        assert not tag.startswith("W/")
        same = site.get(name, headers={"If-None-Match": tag})
        assert same.status_code == 304 and not same.content
        assert same.headers["ETag"] == tag and "Accept-Encoding" in same.headers["Vary"]
        assert site.get(name, headers={"If-Match": tag}).status_code == 200
        other = site.get(name, headers={"If-Match": '"x"'})
        site.problem(other, 412, "PRECONDITION_FAILED")
        head = site.session.head(site.url + name)
        assert head.headers["ETag"] == tag and not head.content
        assert int(head.headers["Content-Length"]) > 0
        part = site.get(name, headers={"Range": "bytes=0-3", "Accept-Encoding": "identity"})
        assert part.status_code == 206 and len(part.content) == 4
    assert site.post("/").status_code == 405


# ---- what people do ------------------------------------------------------------------------------


def play(site, scenario, wait=120, **told):
    folder = Path(os.environ.get("CALOTYPE_SCREENSHOTS", site.folder))
    folder.mkdir(parents=True, exist_ok=True)
    played = subprocess.run(
        ["node", CHECKOUT / "web/tests/play.mjs", scenario, site.url, folder],
        input=json.dumps(told), capture_output=True, text=True, timeout=wait)
    assert played.returncode == 0, f"{played.stderr}\nscreenshots: {folder}"


def photographs():
    """(name, bytes) of some pictures."""
    if HAS_CORPUS:
        return [(path.name, path.read_bytes()) for path in sorted((CORPUS / "photos").iterdir())
                if path.suffix == ".jpg"][:6]
    return [(f"scene-{width}.jpg", encoded(scene(width, 600), "jpeg"))
            for width in (600, 700, 800, 900, 1000, 1100)]


def as_dropped(pictures):
    return [{"name": name, "base64": base64.b64encode(content).decode()}
            for name, content in pictures]


@pytest.fixture(scope="module")
def library(make_server, tmp_path_factory):
    """A server with some pictures in it; the newest is the first of `pictures`."""
    server = make_server(tmp_path_factory.mktemp("library")).start()
    server.pictures = []
    for name, content in photographs():
        asset = server.put(content, params={"file_name": name, "tags": "holiday"})["id"]
        server.settled(asset)
        server.pictures.insert(0, (asset, name))
    yield server
    assert server.stop() == 0


def test_an_empty_library_takes_what_is_dropped(start_server):
    site = start_server()
    pictures = photographs()
    play(site, "drops", files=as_dropped(pictures[:3]))
    listed = site.get("/v1/assets").json()["assets"]
    assert len(listed) == 3
    assert {one["uploads"][0]["file_name"] for one in
            (site.get(f"/v1/assets/{asset['id']}").json() for asset in listed)} == {
                name for name, _ in pictures[:3]}


def test_a_refusal_is_said_in_words(start_server):
    site = start_server({"ingest.max_bytes": "100KiB"})
    play(site, "refusal", files=[{"name": "large.bin",
                                  "base64": base64.b64encode(bytes(200_000)).decode()}])


def test_an_asset_is_shown_with_all_that_is_known(library):
    asset, name = max(library.pictures, key=lambda one: library.get(
        f"/v1/assets/{one[0]}").json()["width"])
    play(library, "asset", id=asset, name=name)


def test_the_recipe_editor_shows_what_its_url_makes(library):
    play(library, "recipe", id=library.pictures[0][0])


def test_dark_mode(library):
    play(library, "dark", id=library.pictures[0][0])


def test_at_a_telephones_width(library):
    play(library, "telephone", id=library.pictures[0][0])


def test_everything_goes_by_the_keyboard(start_server):
    site = start_server()
    ids = []
    for width in range(300, 304):
        content = encoded(scene(width, 200), "jpeg")
        ids.append(site.put_inspected(content)["id"])
        site.put(content, params={"file_name": f"{ids[-1]}.jpg"})
        site.delete(f"/v1/assets/{ids[-1]}/uploads/" +
                    site.get(f"/v1/assets/{ids[-1]}").json()["uploads"][0]["id"])
    play(site, "keyboard", ids=ids[::-1])
    left = [one["id"] for one in site.get("/v1/assets").json()["assets"]]
    assert left == [ids[3], ids[0]], "those that were selected, and no others"


def test_a_dead_letter_starts_again(start_server):
    faulty = find_program().parent / "calotype-renderer-faulty"
    site = start_server({"render.program": faulty})
    asset = site.put_settled(with_fault("crash"))["id"]
    play(site, "jobs")
    site.until(lambda: [event["to"] for event in site.get(
        f"/v1/assets/{asset}/events").json()["events"]].count("INGESTED") == 2)


def test_keys_are_asked_for_and_no_more_is_offered_than_they_allow(start_server):
    site = start_server()
    site.put_inspected(encoded(scene(), "jpeg"))
    admin = make_key(site, ["admin"])["key"]
    read = make_key(site, ["read"], admin)["key"]
    assert site.get("/").status_code == 200
    assert site.get("/v1/assets", headers=bearer(read)).status_code == 200
    play(site, "keys", read=read, admin=admin)
