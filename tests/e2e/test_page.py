# SPDX-License-Identifier: Apache-2.0
"""The page for people: how its files are served, and what people do with it, played in Chromium by
web/tests/play.mjs (where it is checked too that no request leaves the server, that nothing is
logged as an error and that nothing breaks the page's content security policy). Screenshots go to
CALOTYPE_SCREENSHOTS, or else beside the server's data."""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest
from calotype_server import CHECKOUT, find_program
from picture_files import CORPUS, HAS_CORPUS, encoded, scene
from PIL import Image
from test_http_access import bearer, make_key
from test_jobs import with_fault
from test_library import photograph
from test_near_duplicates import detailed

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


def play(site, scenario, wait=120, asked=None, **told):
    """`asked` is done when the scenario asks for it by these names."""
    folder = Path(os.environ.get("CALOTYPE_SCREENSHOTS", site.folder))
    folder.mkdir(parents=True, exist_ok=True)
    command = ["node", CHECKOUT / "web/tests/play.mjs", scenario, site.url, folder]
    with open(site.folder / f"{scenario}.errors", "w+") as errors, \
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                             text=True) as player:
        overdue = threading.Timer(wait, player.kill)
        overdue.start()
        try:
            print(json.dumps(told), file=player.stdin, flush=True)
            for line in player.stdout:
                asked[line.strip()]()
                print("done", file=player.stdin, flush=True)
            code = player.wait()
        finally:
            overdue.cancel()
            player.kill()
        errors.seek(0)
        assert code == 0, f"{errors.read()}\nscreenshots: {folder}"


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


def test_a_file_is_saved_under_its_name(start_server):
    site = start_server()
    content = os.urandom(100_000)
    asset = site.put(content, params={"file_name": "a file.bin"})["id"]
    site.settled(asset)
    play(site, "download", id=asset, name="a file.bin", bytes=len(content))
    admin = make_key(site, ["admin"])["key"]
    play(site, "download", id=asset, name="a file.bin", bytes=len(content), key=admin)


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
    write = make_key(site, ["write"], admin)["key"]
    play(site, "keys", read=read, admin=admin, write=write)


# ---- a library in use ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def used(make_server, tmp_path_factory):
    """A server with pictures that differ in all that they can be found by."""
    server = make_server(tmp_path_factory.mktemp("used")).start()
    shelf = [("beach-1.jpg", photograph(1000, 750, "2001:02:03 04:05:06", "EOS 5D"), "summer",
              "sea,sun"),
             ("beach-2.jpg", photograph(400, 300, "2026:05:05 10:00:00", "PowerShot"), "summer",
              "sea"),
             ("mountain.png", encoded(scene(500, 300), "png"), "alps", "sun"),
             ("broken.jpg", encoded(scene(300, 200), "jpeg")[:700], "", ""),
             ("notes.txt", b"no picture at all", "", "")]
    server.ids = {}
    for name, content, collection, tags in shelf:
        put = server.put(content, params={"file_name": name, "collection": collection,
                                          "tags": tags})
        server.settled(put["id"])
        server.ids[name] = put["id"]
    yield server
    assert server.stop() == 0


def large_file(folder, mebibytes):
    """Of this name and these bytes alone, so that no test goes on with another's upload."""
    path = folder / f"large-{mebibytes}.bin"
    path.write_bytes(os.urandom(1 << 20) * mebibytes)
    return path


def test_an_upload_goes_on_after_the_server_was_killed(start_server, tmp_path):
    site = start_server()
    path = large_file(tmp_path, 24)
    play(site, "interrupted", path=str(path), bytes=path.stat().st_size, wait=180,
         asked={"kill": site.kill, "start": site.start})
    listed = site.get("/v1/assets").json()["assets"]
    assert [one["bytes"] for one in listed] == [path.stat().st_size]
    assert listed[0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert listed[0]["file_name"] == path.name


def test_an_upload_goes_on_in_the_next_visit(start_server, tmp_path):
    site = start_server()
    path = large_file(tmp_path, 25)
    play(site, "paused", path=str(path), bytes=path.stat().st_size)
    listed = site.get("/v1/assets").json()["assets"]
    assert listed[0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_is_walked_to_its_leaves(start_server, tmp_path):
    site = start_server()
    names = ["holiday/1.jpg", "holiday/day two/2.jpg", "holiday/day two/deep/3.jpg"]
    for number, name in enumerate([*names, "holiday/.hidden"]):
        path = tmp_path / "drop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(scene(200 + number, 150), "jpeg"))
    play(site, "folder", path=str(tmp_path / "drop/holiday"), names=names)
    assert {one["file_name"] for one in site.get("/v1/assets").json()["assets"]} == {
        Path(name).name for name in names}


def test_each_filter_finds_what_it_says(used):
    cases = [
        ({"tag": "sea"}, ["beach-1.jpg", "beach-2.jpg"]),
        ({"collection": "alps"}, ["mountain.png"]),
        ({"state": "METADATA_FAILED"}, ["broken.jpg"]), ({"type": "image/png"}, ["mountain.png"]),
        ({"camera": "canon powershot"}, ["beach-2.jpg"]), ({"width_min": "600"}, ["beach-1.jpg"]),
        ({"taken_after": "2020-01-01"}, ["beach-2.jpg"]),
        ({"taken_before": "2020-01-01"}, ["beach-1.jpg"]),
        ({"created_before": "2020-01-01"}, []),
        ({"bytes_max": "100"}, ["notes.txt"]),
        ({"tag": "sun", "collection": "summer"}, ["beach-1.jpg"])]
    play(used, "filters", all=5, cases=[{"set": set_, "found": found} for set_, found in cases])


def test_what_others_do_shows_as_it_happens(start_server):
    site = start_server()
    content = encoded(scene(300, 200), "jpeg")
    other = site.put_inspected(encoded(scene(310, 200), "jpeg"))["id"]
    asset = site.put_inspected(content)["id"]
    play(site, "live", id=asset, other=other, asked={
        "tag": lambda: site.post("/v1/assets/bulk", json={"ids": [asset], "add_tags": ["fresh"]}),
        "upload": lambda: site.put(content, params={"file_name": "again.jpg"}),
        "delete": lambda: site.delete(f"/v1/assets/{other}")})


def test_what_comes_in_above_moves_nothing(start_server):
    site = start_server()
    for number in range(60):
        last = site.put(encoded(scene(120 + number, 100), "jpeg"))["id"]
    site.settled(last)
    site.until(lambda: not site.get("/v1/assets", params={"state": "PENDING"}).json()["assets"])

    def add():
        for number in range(5):
            put = site.put(encoded(scene(300 + 9 * number, 100), "jpeg"),
                           params={"file_name": f"new-{number}.jpg"})
            site.settled(put["id"])

    play(site, "steady", count=65, asked={"add": add})


def test_near_duplicates_are_reviewed_and_merged(start_server):
    site = start_server()
    picture = detailed(7)
    kept = site.put_inspected(encoded(picture, "jpeg"))["id"]
    site.put(encoded(picture, "jpeg"), params={"file_name": "whole.jpg"})
    small = encoded(picture.resize((450, 300)), "jpeg", quality=70)
    other = site.settled(site.put(small, params={"file_name": "small.jpg"})["id"])["id"]
    site.delete(f"/v1/assets/{kept}/uploads/" +
                site.get(f"/v1/assets/{kept}").json()["uploads"][0]["id"])
    site.until(lambda: site.get("/v1/duplicates").json()["clusters"])
    play(site, "duplicates", kept=kept, other=other, name="whole.jpg")
    assert [one["id"] for one in site.get("/v1/assets").json()["assets"]] == [kept]
    uploads = site.get(f"/v1/assets/{kept}").json()["uploads"]
    assert {one["file_name"] for one in uploads} == {"whole.jpg", "small.jpg"}


def test_a_picture_is_taken_down_and_let_in_again(start_server):
    site = start_server()
    content = encoded(scene(300, 200), "jpeg")
    asset = site.put_inspected(content)["id"]
    site.put_inspected(encoded(scene(310, 200), "jpeg"))
    for width in (40, 60):
        assert site.get(f"/v/{asset}/w={width}.webp").status_code == 200
    site.until(lambda: len(site.get(f"/v1/assets/{asset}/variants").json()["variants"]) == 2)
    play(site, "takedown", id=asset, reason="Asked for by its author")
    assert site.get(f"/v1/assets/{asset}").status_code == 404
    assert site.put(content)["status"] == "PENDING", "the takedown was lifted"


def test_the_place_is_on_the_map_and_everything_can_be_copied(start_server):
    site = start_server()
    exif = Image.Exif()
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "S", (33.0, 51.0, 24.84), "E", (151.0, 12.0, 34.92)
    out = io.BytesIO()
    scene(600, 400).save(out, "jpeg", exif=exif)
    asset = site.put_inspected(out.getvalue())["id"]
    play(site, "place", id=asset, latitude=-33.8569, longitude=151.2097)


def test_tab_reaches_everything_and_all_of_it_has_a_name(used):
    play(used, "reach", id=used.ids["beach-1.jpg"])


def test_what_a_tile_without_a_picture_says_can_be_read(used):
    play(used, "tiles", ids=[used.ids["broken.jpg"], used.ids["notes.txt"]])


def test_every_view_fits_a_small_telephone(used):
    play(used, "narrow", id=used.ids["beach-1.jpg"])
