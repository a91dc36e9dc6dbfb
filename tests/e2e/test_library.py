# SPDX-License-Identifier: Apache-2.0
"""Collections, tags, names and free fields by every way in; listings by every property and in every
order; many assets changed by one request."""

import hashlib
import io
import json
import os
import random

import pytest
from picture_files import encoded, scene
from PIL import Image

STACKS = ("embedded", "cluster")


@pytest.fixture(scope="module")
def site(make_server, tmp_path_factory):
    server = make_server(tmp_path_factory.mktemp("library"))
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def tag():
    """Of this test alone, so that tests do not find each other's assets."""
    return "t" + os.urandom(6).hex()


def photograph(width, height, taken=None, model=None):
    exif = Image.Exif()
    if model:
        exif[0x010F], exif[0x0110] = "Canon", model
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    out = io.BytesIO()
    scene(width, height).save(out, "jpeg", quality=random.randrange(80, 96), exif=exif)
    return out.getvalue()


def listed(site, **query):
    """The ids of all pages, and that each was there once."""
    ids, cursor = [], None
    while True:
        answer = site.get("/v1/assets", params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids += [asset["id"] for asset in page["assets"]]
        cursor = page["next"]
        if not cursor:
            assert len(ids) == len(set(ids))
            return ids


# ---- some of a listing --------------------------------------------------------------------------


def test_a_listing_says_which_of_some_assets_it_has_now(site, tag):
    ids = [site.put(os.urandom(20 + number),
                    params={"tags": tag, "file_name": f"{number}.bin"})["id"]
           for number in (3, 1, 2)]
    other = site.put(os.urandom(30))["id"]
    site.until(lambda: len(listed(site, tag=tag)) == 3)

    def picked(**query):
        answer = site.get("/v1/assets", params=query | {"ids": ",".join([*ids, other, "a" * 26])})
        assert answer.status_code == 200, answer.text
        assert answer.json()["next"] is None
        return answer.json()["assets"]

    for order in ({"sort": "name"}, {"sort": "bytes", "order": "asc"}, {}):
        assert [one["id"] for one in picked(tag=tag, **order)] == listed(site, tag=tag, **order)
    whole = {one["id"]: one["place"] for one in site.get(
        "/v1/assets", params={"tag": tag, "sort": "name", "order": "asc"}).json()["assets"]}
    assert list(whole.values()) == sorted(whole.values())
    assert {one["id"]: one["place"] for one in picked(tag=tag, sort="name")} == whole
    done = site.post("/v1/assets/bulk", json={"ids": ids[:1], "remove_tags": [tag]})
    assert done.status_code == 200
    assert [one["id"] for one in picked(tag=tag, sort="name")] == [ids[2], ids[1]], "at once"
    site.delete(f"/v1/assets/{ids[1]}")
    assert {one["id"] for one in picked()} == {ids[0], ids[2], other}
    for bad in ({"ids": "x"}, {"ids": ",".join(["a" * 26] * 101)}, {"ids": ids[0], "limit": 5},
                {"ids": ids[0], "cursor": "x"}, {"ids": ids[0], "state": "DELETED"}):
        site.problem(site.get("/v1/assets", params=bad), 400, "BAD_REQUEST")


# ---- ways in ------------------------------------------------------------------------------------


def said_of(site, asset):
    [upload] = site.get(f"/v1/assets/{asset}").json()["uploads"]
    return {name: upload[name] for name in ("file_name", "collection", "tags", "fields")}


WORDS = {"file_name": "a b.bin", "collection": "Sea & sky", "tags": ["one", "two"],
         "fields": {"by": "Änn", "rating": 5, "more": {"deep": [1, None]}}}


def test_a_raw_body_carries_words_in_its_query(site):
    put = site.put(os.urandom(99), params={"file_name": "a b.bin", "collection": "Sea & sky",
                                           "tags": ["one", "two"],
                                           "fields": json.dumps(WORDS["fields"])})
    assert said_of(site, put["id"]) == WORDS
    shown = site.get(f"/v1/assets/{put['id']}").json()
    assert shown["file_name"] == "a b.bin" and shown["collection"] == "Sea & sky"
    assert shown["tags"] == ["one", "two"]


def test_a_form_carries_words_in_its_fields(site):
    for order in (0, 1):  # before the file and behind it
        content = os.urandom(99)
        words = [("collection", (None, "Sea & sky")), ("tags", (None, "one,two")),
                 ("fields", (None, json.dumps(WORDS["fields"])))]
        file = [("file", ("a b.bin", content))]
        answer = site.post("/v1/assets", files=words + file if order else file + words)
        assert answer.status_code == 201, answer.text
        assert said_of(site, answer.json()["id"]) == WORDS


def test_known_content_is_recorded_with_words(site):
    content = os.urandom(99)
    name = "sha256:" + hashlib.sha256(content).hexdigest()
    first = site.put(content)
    known = site.post(f"/v1/assets/{name}/uploads", json=WORDS)
    assert known.status_code == 200, known.text
    shown = site.get(f"/v1/assets/{first['id']}").json()
    assert {key: shown["uploads"][1][key] for key in WORDS} == WORDS
    assert shown["collection"] == "Sea & sky" and shown["tags"] == ["one", "two"]


def test_the_command_line_carries_words(site, tmp_path, tag):
    path = tmp_path / "a b.bin"
    for _ in range(2):  # sent, and known already
        path.write_bytes(path.read_bytes() if path.exists() else os.urandom(99))
        put = site.command_json("put", path, "--collection", tag, "--tag", "one", "--tag", "two",
                                "--field", "by=Änn", "--field", "empty=")
    uploads = site.get(f"/v1/assets/{put['id']}").json()["uploads"]
    assert len(uploads) == 2
    for upload in uploads:
        assert upload["collection"] == tag and upload["tags"] == ["one", "two"]
        assert upload["fields"] == {"by": "Änn", "empty": ""}
    assert [asset["id"] for asset in
            site.command_json("list", "--collection", tag)["assets"]] == [put["id"]]
    table = site.command("list", "--collection", tag, "--sort", "name", "--order", "asc").stdout
    assert put["id"] in table and "a b.bin" in table
    assert tag in site.command("show", put["id"]).stdout


def test_words_that_are_too_much_are_refused_and_leave_nothing(site):
    content = os.urandom(99)
    for query in ({"collection": "x" * 201}, {"fields": "[]"}, {"fields": "{"}, {"fields": "1"},
                  {"tags": ",".join("a" * 101)}, {"fields": '{"a":[{"b":-1e400}]}'},
                  {"fields": '{"a":NaN}'}, {"fields": '{"a":' * 100 + "1" + "}" * 100}):
        site.problem(site.post("/v1/assets", data=content, params=query), 400, "BAD_REQUEST")
    form = {"file": ("a", content)}
    for fields in ("no", json.dumps({"x": "y" * 17_000})):
        site.problem(site.post("/v1/assets", files=form, data={"fields": fields}), 400,
                     "BAD_REQUEST")
    digest = hashlib.sha256(content).hexdigest()
    assert site.get(f"/v1/assets/sha256:{digest}").status_code == 404


def test_a_tag_is_found_as_it_is_shown(site, tag):
    asset = site.put(os.urandom(99), params={"tags": f"\n,{tag}\t\x01a, {tag}b "})["id"]
    assert site.get(f"/v1/assets/{asset}").json()["tags"] == [f"{tag}a", f"{tag}b"]
    for one in (f"{tag}a", f"{tag}b"):
        assert listed(site, tag=one) == [asset]
    changed = site.post("/v1/assets/bulk", json={"ids": [asset], "remove_tags": [f"{tag}\na"]})
    assert changed.json()["changed"] == 1
    assert site.get(f"/v1/assets/{asset}").json()["tags"] == [f"{tag}b"]


# ---- listings -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf(site):
    """A few inspected pictures of one collection, oldest first."""
    pictures = [
        ("Beach 1.jpg", photograph(640, 480, "2001:02:03 04:05:06", "Canon EOS 5D"), ["sea"]),
        ("beach 2.jpg", photograph(320, 200, "2026:05:05 10:00:00", "PowerShot"), ["sea", "sun"]),
        ("mountain.png", encoded(scene(100, 100), "png"), ["sun"]),
        ("notes.txt", b"no picture at all " + os.urandom(9), [])]
    made = []
    for name, content, tags in pictures:
        put = site.put(content, params={"file_name": name, "collection": "shelf", "tags": tags})
        made.append(site.settled(put["id"]))
    return made


def test_every_filter_finds_what_it_says(site, shelf):
    one, two, mountain, notes = [asset["id"] for asset in shelf]
    sizes = {asset["id"]: asset["bytes"] for asset in shelf}
    for query, found in [
            ({}, [notes, mountain, two, one]),
            ({"order": "asc"}, [one, two, mountain, notes]),
            ({"tag": "sea"}, [two, one]), ({"tag": "sun", "type": "image/png"}, [mountain]),
            ({"type": "image/jpeg"}, [two, one]), ({"name": "beach"}, [two, one]),
            ({"name": "mount png"}, [mountain]), ({"camera": "canon"}, [two, one]),
            ({"camera": "canon eos 5d"}, [one]), ({"width_min": 300}, [two, one]),
            ({"width_min": 300, "width_max": 400}, [two]), ({"height_min": 480}, [one]),
            ({"bytes_min": sizes[one]}, [one]), ({"bytes_max": sizes[notes]}, [notes]),
            ({"taken_after": "2026-01-01"}, [two]),
            ({"taken_before": "2026-01-01T00:00:00Z"}, [one]),
            ({"taken_after": "2001-02-03T04:05:06Z", "taken_before": "2001-02-03T04:05:07Z"},
             [one]),
            ({"taken_before": "2001-02-03T04:05:06Z"}, []),
            ({"created_after": shelf[2]["created_at"]}, [notes, mountain]),
            ({"created_before": shelf[2]["created_at"]}, [two, one]),
            ({"state": "PENDING"}, []), ({"state": "METADATA_READY", "tag": "sea"}, [two, one]),
            ({"sort": "taken", "order": "asc", "type": "image/jpeg"}, [one, two]),
            ({"sort": "name", "order": "asc"}, [one, two, mountain, notes]),
            ({"sort": "bytes"}, sorted(sizes, key=sizes.get, reverse=True)),
            ({"tag": "nothing"}, []), ({"name": "eac"}, [])]:
        for limit in (100, 1):
            assert listed(site, collection="shelf", limit=limit, **query) == found, query


def test_an_asset_says_what_it_is_found_by(site, shelf):
    assert shelf[0]["taken_at"] == "2001-02-03T04:05:06.000Z"
    assert shelf[0]["camera"] == "Canon EOS 5D" and shelf[1]["camera"] == "Canon PowerShot"
    assert shelf[2]["taken_at"] is None and shelf[2]["camera"] is None
    library = site.get("/v1/library").json()
    assert {"name": "shelf", "count": 4} in library["collections"]
    assert {"name": "sea", "count": 2} in library["tags"]
    assert "canon eos 5d" in [camera["name"] for camera in library["cameras"]]


def test_a_listing_without_metadata_has_all_else(site, shelf):
    whole = site.get("/v1/assets", params={"collection": "shelf", "metadata": "true"}).json()
    lean = site.get("/v1/assets", params={"collection": "shelf", "metadata": "false"}).json()
    of_metadata = ("metadata", "taken_at", "camera")
    assert "metadata" in whole["assets"][-1] and len(lean["assets"]) == len(shelf)
    for full, rest in zip(whole["assets"], lean["assets"]):
        assert rest == {name: value for name, value in full.items() if name not in of_metadata}


def test_pages_lose_and_repeat_nothing_while_assets_come_and_go(site, tag):
    ids = [site.put(os.urandom(50 + number), params={"tags": tag,
                                                     "file_name": f"{number}.bin"})["id"]
           for number in range(20)]
    for sort in ("created", "bytes", "name", "taken"):
        met, cursor = [], ""
        while True:
            page = site.get("/v1/assets", params={"tag": tag, "sort": sort, "limit": 3,
                                                  "cursor": cursor}).json()
            met += [asset["id"] for asset in page["assets"]]
            cursor = page["next"]
            if not cursor:
                break
            site.put(os.urandom(60), params={"tags": tag, "file_name": "5x.bin"})
            gone = site.put(os.urandom(61), params={"tags": tag, "file_name": "6x.bin"})["id"]
            assert site.delete(f"/v1/assets/{gone}").status_code == 204
        assert [asset for asset in met if asset in ids] and set(ids) <= set(met), sort
        assert len(met) == len(set(met)), sort


def test_bad_filters_are_refused_by_name(site, shelf):
    for query, word in [({"sort": "colour"}, "sort"), ({"order": "up"}, "order"),
                        ({"width_min": "wide"}, "width_min"), ({"bytes_max": "-1"}, "bytes_max"),
                        ({"taken_after": "yesterday"}, "taken_after"),
                        ({"created_before": "2026-13-01"}, "created_before"),
                        ({"state": "ASLEEP"}, "ASLEEP"), ({"colour": "red"}, "colour"),
                        ({"metadata": "some"}, "metadata"),
                        ({"name": "a b c d"}, "three words"), ({"cursor": "1"}, "cursor"),
                        ({"state": "DELETED", "tag": "x"}, "tag")]:
        problem = site.problem(site.get("/v1/assets", params=query), 400, "BAD_REQUEST")
        assert word in problem["detail"] or word == "three words", problem
    page = site.get("/v1/assets", params={"collection": "shelf", "limit": 1}).json()
    for other in ({"collection": "shelf", "order": "asc"}, {"tag": "sea"}, {}):
        answer = site.get("/v1/assets", params=other | {"cursor": page["next"]})
        assert "cursor" in site.problem(answer, 400, "BAD_REQUEST")["detail"]


@pytest.mark.parametrize("name", ["tag", "collection", "camera", "type", "name", "cursor"])
def test_what_no_filter_can_be_finds_nothing_and_harms_nothing(site, name):
    for value in ("%00", "%27%20OR%201=1--", "%25", "_", "%C3%A9" * 300, "x" * 3000, "%F0%9F%98%80",
                  "%1b[2J", "%22", "%5c"):
        answer = site.get(f"/v1/assets?{name}={value}")
        assert answer.status_code in (200, 400), answer.text
        assert answer.status_code == 400 or not answer.json()["assets"]


# ---- many at once -------------------------------------------------------------------------------


def bulk(site, **order):
    answer = site.post("/v1/assets/bulk", json=order)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_many_are_tagged_moved_and_deleted_by_one_request_each(site, tag):
    ids = [site.put(os.urandom(50), params={"tags": tag})["id"] for _ in range(5)]
    said = bulk(site, ids=[*ids[:3], "a" * 26, "nonsense", ids[0]], add_tags=[tag + "x", "more"],
                remove_tags=[tag], collection=tag)
    assert said["changed"] == 3 and said["failed"] == 2 and said["next"] is None
    assert [result["done"] for result in said["results"]] == [True] * 3 + [False] * 2
    assert {result.get("code") for result in said["results"][3:]} == {"ASSET_NOT_FOUND"}
    assert set(listed(site, tag=tag)) == set(ids[3:])
    assert set(listed(site, collection=tag)) == set(ids[:3])
    shown = site.get(f"/v1/assets/{ids[0]}").json()
    assert shown["tags"] == [tag + "x", "more"] and shown["collection"] == tag
    said = bulk(site, filter={"tag": tag + "x"}, collection="")
    assert said["changed"] == 3 and not listed(site, collection=tag)
    said = bulk(site, filter={"tag": tag}, delete=True)
    assert said["changed"] == 2 and not listed(site, tag=tag)
    for asset in ids[3:]:
        assert site.get(f"/v1/assets/{asset}").status_code == 404
    said = bulk(site, ids=ids, delete=True)
    assert said["changed"] == 3 and said["failed"] == 2


def test_a_deleted_picture_is_served_by_no_server(site):
    asset = site.put_inspected(encoded(scene(222, 111), "jpeg"))
    url = site.variant(asset, "thumb")[0]["url"]
    for _ in range(4):
        assert site.get(url).status_code == 200
    bulk(site, ids=[asset["id"]], delete=True)
    site.until(lambda: all(site.get(url).status_code == 404 for _ in range(4)))


@pytest.mark.parametrize("order", [
    {}, {"ids": []}, {"ids": ["a"]}, {"delete": True}, {"ids": ["a"], "delete": False},
    {"ids": ["a"], "delete": True, "collection": "x"}, {"ids": "a", "delete": True},
    {"ids": [1], "delete": True}, {"ids": ["a"] * 1001, "delete": True},
    {"ids": ["a"], "filter": {"tag": "x"}, "delete": True}, {"filter": {}, "delete": True},
    {"filter": {"tag": ""}, "delete": True}, {"filter": {"sort": "name"}, "delete": True},
    {"filter": {"colour": "red"}, "delete": True}, {"filter": {"tag": ["x"]}, "delete": True},
    {"filter": {"state": "DELETED"}, "delete": True},
    {"filter": {"tag": "x", "sort": "name"}, "delete": True},
    {"ids": ["a"], "add_tags": "x"}, {"ids": ["a"], "add_tags": ["x" * 201]},
    {"ids": ["a"], "collection": 1}, {"ids": ["a"], "delete": True, "really": True}, []])
def test_an_order_that_is_not_clear_changes_nothing(site, shelf, order):
    site.problem(site.post("/v1/assets/bulk", json=order), 400, "BAD_REQUEST")
    assert len(listed(site, collection="shelf")) == 4


def test_a_filter_that_can_find_nothing_is_not_one_that_finds_all(site, shelf):
    for nothing in ({"name": "-"}, {"tag": "\x00"}, {"collection": "\x1b"}):
        said = bulk(site, filter=nothing, delete=True)
        assert said["changed"] == 0 and not said["results"], nothing
    assert len(listed(site, collection="shelf")) == 4


def test_a_page_of_another_origin_cannot_delete_many(site, shelf):
    order = {"ids": [shelf[0]["id"]], "delete": True}
    foreign = site.post("/v1/assets/bulk", json=order, headers={"Origin": "https://evil.example"})
    site.problem(foreign, 403, "FORBIDDEN")
    assert site.get(f"/v1/assets/{shelf[0]['id']}").status_code == 200
