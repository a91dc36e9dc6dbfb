# SPDX-License-Identifier: Apache-2.0
"""Pictures that look the same: found at inspection whatever was done to them, listed in clusters
with what they cost, and merged into one another when somebody says so, references following."""

import concurrent.futures
import fnmatch
import io
import sqlite3

import numpy
import pdq_reference
import pytest
from picture_files import corpus, encoded
from PIL import Image, ImageDraw, ImageEnhance

STACKS = ("embedded", "cluster")


def detailed(seed, width=900, height=600):
    """Something with a photograph's statistics: noise at every scale, coarse strongest."""
    source = numpy.random.default_rng(seed)
    total = numpy.zeros((height, width, 3))
    for size in (3, 5, 9, 17, 33, 65):
        noise = source.uniform(0, 255, (size, size, 3)).astype("uint8")
        scaled = Image.fromarray(noise).resize((width, height), Image.BICUBIC)
        total += numpy.asarray(scaled, float) * 3 / size ** 0.7
    low, high = total.min(), total.max()
    return Image.fromarray(((total - low) * 255 / (high - low)).astype("uint8"))


def cut(picture, left, top, right, bottom):
    """Shares of the sides that go."""
    width, height = picture.size
    return picture.crop((round(left * width), round(top * height), round((1 - right) * width),
                         round((1 - bottom) * height)))


def watermarked(picture):
    marked = picture.copy()
    width, height = marked.size
    ImageDraw.Draw(marked, "RGBA").rectangle(
        (width * 0.72, height * 0.86, width * 0.96, height * 0.95), fill=(255, 255, 255, 150))
    return marked


EDITS = {
    "half": lambda picture: encoded(picture.resize((picture.width // 2, picture.height // 2),
                                                   Image.LANCZOS), "jpeg"),
    "recompressed": lambda picture: encoded(picture, "jpeg", quality=30),
    "png": lambda picture: encoded(picture, "png"),
    "brighter": lambda picture: encoded(ImageEnhance.Brightness(picture).enhance(1.25), "jpeg"),
    "watermarked": lambda picture: encoded(watermarked(picture), "jpeg"),
    "cut left": lambda picture: encoded(cut(picture, 0.05, 0, 0, 0), "jpeg"),
    "cut top": lambda picture: encoded(cut(picture, 0, 0.05, 0, 0), "jpeg"),
    "cut corner": lambda picture: encoded(cut(picture, 0, 0, 0.05, 0.05), "jpeg"),
    "cut evenly": lambda picture: encoded(cut(picture, 0.025, 0.025, 0.025, 0.025), "jpeg"),
    "cut all around": lambda picture: encoded(cut(picture, 0.05, 0.05, 0.05, 0.05), "jpeg"),
}


def near(site, asset, **query):
    answer = site.get("/v1/search", params={"near": asset["id"]} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def near_ids(site, asset, **query):
    return [each["id"] for each in near(site, asset, **query)["results"]]


def cluster_of(site, asset):
    """The cluster that has the asset, whichever page it is on."""
    cursor = ""
    while True:
        page = site.get("/v1/duplicates", params={"limit": 2, "cursor": cursor}).json()
        for cluster in page["clusters"]:
            if asset["id"] in [member["id"] for member in cluster["members"]]:
                return cluster
        cursor = page["next"]
        if not cursor:
            return None


@pytest.mark.parametrize("size", [(400, 300), (512, 512), (64, 64), (97, 131), (300, 60)])
def test_the_fingerprint_is_pdq_s(site, size):
    picture = detailed(sum(size), *size)
    said = near(site, site.put_inspected(encoded(picture, "png")))
    wanted, quality = pdq_reference.fingerprint(picture)
    assert pdq_reference.distance(said["fingerprint"], wanted) <= 2
    assert abs(said["quality"] - quality) <= 1


@pytest.mark.skipif(not corpus("photos/*"), reason="no photographs here")
def test_photographs_have_pdq_s_fingerprint_however_large(site):
    for path in corpus("photos/*.jpg")[:4]:
        content = path.read_bytes()
        picture = Image.open(io.BytesIO(content))
        turned = {3: Image.ROTATE_180, 6: Image.ROTATE_270, 8: Image.ROTATE_90}.get(
            picture.getexif().get(274))
        picture = picture.convert("RGB")
        picture = picture.transpose(turned) if turned is not None else picture
        wanted, _ = pdq_reference.fingerprint(picture.resize((512, 512), Image.LANCZOS))
        said = near(site, site.put_inspected(content))
        assert pdq_reference.distance(said["fingerprint"], wanted) <= 12, path.name


def test_whatever_was_done_to_a_picture_it_is_found(site):
    picture = detailed(1)
    original = site.put_inspected(encoded(picture, "jpeg"))
    other = site.put_inspected(encoded(detailed(2), "jpeg"))
    edits = {name: site.put_inspected(edit(picture)) for name, edit in EDITS.items()}
    found = near(site, original)
    assert {name for name, edit in edits.items()
            if edit["id"] not in [each["id"] for each in found["results"]]} == set()
    distances = [each["distance"] for each in found["results"]]
    assert distances == sorted(distances) and distances[-1] <= 31
    assert near_ids(site, other) == []
    for name, edit in edits.items():
        assert original["id"] in near_ids(site, edit), name
    assert len(near_ids(site, original, limit=3)) == 3
    assert edits["png"]["id"] in near_ids(site, original, distance=4)
    cluster = cluster_of(site, original)
    assert cluster["id"] == original["id"], "the earliest is the centre"
    assert [member["id"] for member in cluster["members"]][0] == original["id"]
    assert {member["id"] for member in cluster["members"]} == {
        original["id"], *(edit["id"] for edit in edits.values())}
    sizes = [member["bytes"] for member in cluster["members"]]
    assert cluster["bytes_saveable"] == sum(sizes) - edits["png"]["bytes"], "the largest stays"
    assert site.get(f"/v1/duplicates/{original['id']}").json() == cluster
    site.problem(site.get(f"/v1/duplicates/{other['id']}"), 404, "CLUSTER_NOT_FOUND")
    assert site.metric("near_duplicates_found_total") >= 0


def test_whichever_comes_first_the_cut_or_the_whole(site):
    picture = detailed(3)
    part = site.put_inspected(EDITS["cut all around"](picture))
    whole = site.put_inspected(encoded(picture, "jpeg"))
    assert cluster_of(site, whole)["id"] == part["id"]


def test_flat_pictures_look_like_nothing(site):
    for shade in (200, 201):
        flat = numpy.full((300, 400, 3), shade, "uint8")
        flat[100:104] = 190
        asset = site.put_inspected(encoded(Image.fromarray(flat), "png"))
        said = near(site, asset)
        assert said["quality"] < 50 and said["results"] == []
    text = site.put_settled(b"no picture at all")
    assert near(site, text) == {"near": text["id"], "fingerprint": None, "quality": None,
                                "results": []}


def test_what_comes_in_at_the_same_moment_finds_each_other(site):
    contents = [EDITS[name](detailed(4)) for name in ("half", "png", "brighter", "recompressed")]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ids = [asset["id"] for asset in pool.map(site.put, contents)]
    assets = [site.settled(each) for each in ids]
    assert {member["id"] for member in cluster_of(site, assets[0])["members"]} == set(ids)


def test_a_deleted_picture_is_in_nothing(site):
    picture = detailed(5)
    first, second, third = (site.put_inspected(EDITS[name](picture))
                            for name in ("half", "png", "brighter"))
    assert cluster_of(site, third)["id"] == first["id"]
    assert site.delete(f"/v1/assets/{first['id']}").status_code == 204
    assert cluster_of(site, third)["id"] == second["id"], "what is left has its own centre"
    assert near_ids(site, second) == [third["id"]]
    site.problem(site.get(f"/v1/duplicates/{first['id']}"), 404, "ASSET_NOT_FOUND")


def test_a_whole_cluster_is_taken_down(site):
    picture = detailed(13)
    assets = [site.put_inspected(EDITS[name](picture)) for name in ("half", "png", "cut left")]
    answer = site.post("/v1/takedowns", json={"asset": assets[1]["id"], "cluster": True})
    assert answer.status_code == 201, answer.text
    assert {each["id"] for each in assets} == set(answer.json()["assets"])
    for asset in assets:
        site.problem(site.get(f"/v1/assets/{asset['id']}"), 404, "ASSET_NOT_FOUND")
    alone = site.put_inspected(encoded(detailed(14), "jpeg"))
    site.problem(site.post("/v1/takedowns", json={"asset": alone["id"], "cluster": True}), 404,
                 "CLUSTER_NOT_FOUND")


def test_the_command_shows_what_would_go_and_takes_it_down(site):
    picture = detailed(21)
    contents = [EDITS[name](picture) for name in ("half", "png", "brighter")]
    assets = [site.put_inspected(content) for content in contents]
    first, names = assets[0]["id"], {asset["id"] for asset in assets}
    shown = site.command("takedown", first, "--cluster", "--dry-run")
    assert shown.returncode == 0 and "3 assets would be taken down" in shown.stdout, shown.stderr
    assert all(name in shown.stdout for name in names)
    said = site.command_json("takedown", first, "--cluster", "--dry-run")
    assert said["dry_run"] and {asset["id"] for asset in said["assets"]} == names
    assert [asset["id"] for asset in
            site.command_json("takedown", first, "--dry-run")["assets"]] == [first]
    assert all(site.get(f"/v1/assets/{name}").status_code == 200 for name in names)
    alone = site.put_inspected(encoded(detailed(22), "jpeg"))
    for more in ([], ["--dry-run"]):
        done = site.command("takedown", alone["id"], "--cluster", *more)
        assert done.returncode == 1 and "CLUSTER_NOT_FOUND" in done.stderr
    assert site.get(f"/v1/assets/{alone['id']}").status_code == 200

    done = site.command("takedown", first, "--cluster", "--reason", "all of it")
    assert done.returncode == 0 and "3 assets" in done.stdout, done.stderr
    for content in contents:
        site.problem(site.post("/v1/assets", data=content), 451, "ASSET_BARRED")
    listed = site.command_json("takedown", "--list")["takedowns"]
    [takedown] = [each for each in listed if each["reason"] == "all of it"]
    assert set(takedown["assets"]) == names


def test_what_was_merged_and_is_taken_down_leads_nowhere(site):
    picture = detailed(23)
    gone, kept = (site.put_inspected(EDITS[name](picture)) for name in ("half", "png"))
    order = {"from": gone["id"], "into": kept["id"]}
    assert site.post("/v1/duplicates/merge", json=order).status_code == 200
    target = f"/i/{gone['id']}?w=80"
    assert site.get(target, allow_redirects=False).status_code == 308
    assert site.post("/v1/takedowns", json={"asset": gone["id"]}).status_code == 201
    for _ in range(2):  # whichever server is asked
        site.problem(site.get(target, allow_redirects=False), 404, "ASSET_NOT_FOUND")
    assert site.get(f"/i/{kept['id']}?w=80").status_code == 200


def test_what_was_merged_into_it_is_taken_down_with_it(site):
    picture = detailed(24)
    contents = [EDITS[name](picture) for name in ("half", "png")]
    gone, kept = (site.put_inspected(content) for content in contents)
    order = {"from": gone["id"], "into": kept["id"]}
    assert site.post("/v1/duplicates/merge", json=order).status_code == 200
    target = f"/i/{gone['id']}?w=80"
    assert site.get(target).status_code == 200
    taken = site.command_json("takedown", kept["id"], "--reason", "both")
    assert set(taken["assets"]) == {gone["id"], kept["id"]} == set(taken["cache_tags"])
    for pattern in (target, f"/i/{kept['id']}?w=80"):
        assert any(fnmatch.fnmatchcase(pattern, each) for each in taken["patterns"])
    for content in contents:
        site.problem(site.post("/v1/assets", data=content), 451, "ASSET_BARRED")
    for _ in range(2):  # whichever server is asked
        site.problem(site.get(target, allow_redirects=False), 404, "ASSET_NOT_FOUND")


def test_bad_questions_are_refused(site):
    asset = site.put_inspected(encoded(detailed(6), "jpeg"))
    for query in ("", "near=", "distance=3", f"near={asset['id']}&distance=129",
                  f"near={asset['id']}&distance=x", f"near={asset['id']}&limit=0",
                  f"near={asset['id']}&unknown=1"):
        refused = site.get(f"/v1/search?{query}")
        assert refused.status_code in (400, 404), query
    site.problem(site.get("/v1/search", params={"near": "a" * 26}), 404, "ASSET_NOT_FOUND")
    site.problem(site.get("/v1/duplicates?cursor=x"), 400, "BAD_REQUEST")
    for body in ({}, [], {"from": asset["id"]}, {"from": 1, "into": 2},
                 {"from": asset["id"], "into": asset["id"]},
                 {"from": asset["id"], "into": asset["id"], "more": 1}):
        site.problem(site.post("/v1/duplicates/merge", json=body), 400, "BAD_REQUEST")
    site.problem(site.post("/v1/duplicates/merge", json={"from": "a" * 26, "into": asset["id"]}),
                 404, "ASSET_NOT_FOUND")


def test_a_merge_gives_uploads_and_urls_to_the_other(site):
    picture = detailed(7)
    kept = site.put_inspected(encoded(picture, "jpeg"))
    gone = site.put_inspected(EDITS["half"](picture))
    site.put(EDITS["half"](picture), params={"file_name": "again.jpg"})
    thumb = site.variant(gone, "thumb")[0]["url"]
    assert site.get(thumb).status_code == 200
    merged = site.post("/v1/duplicates/merge", json={"from": gone["id"], "into": kept["id"]})
    assert merged.status_code == 200, merged.text
    assert merged.json()["id"] == kept["id"] and len(merged.json()["uploads"]) == 3
    assert "again.jpg" in [upload["file_name"] for upload in merged.json()["uploads"]]

    for target in (thumb, f"/v/{gone['id']}/w=90.webp", f"/i/{gone['id']}?w=90&fm=png",
                   f"/asset/{gone['id']}/variant/thumb", f"/iiif/3/{gone['id']}/info.json",
                   f"/iiif/3/{gone['id']}/full/90,/0/default.jpg",
                   f"/imgproxy/unsafe/rs:fit:90/plain/{gone['id']}@png",
                   f"/cloudinary/image/upload/w_90/v1/{gone['id']}.jpg",
                   f"/v1/assets/{gone['id']}", f"/v1/assets/{gone['id']}/original",
                   f"/v1/search?near={gone['id']}",
                   f"/i/{kept['id']}?w=90&fm=png&mark={gone['id']}"):
        answer = site.until(lambda: (one := site.get(target, allow_redirects=False))
                            and one.status_code != 200 and one)
        if "mark=" in target and answer.status_code == 400:
            continue  # the dialect names watermarks in another way
        assert answer.status_code == 308, (target, answer.status_code, answer.text)
        assert answer.headers["Location"] == target.replace(gone["id"], kept["id"])
        followed = site.get(target)
        assert followed.status_code == 200, (target, followed.text)
    assert site.session.head(site.url + thumb).status_code == 308
    site.problem(site.post(f"/v1/assets/{gone['id']}/retry"), 404, "ASSET_NOT_FOUND")

    events = site.get(f"/v1/assets/{gone['id']}/events").json()["events"]
    assert events[-1]["to"] == "DELETED" and kept["id"] in events[-1]["because"]
    events = site.get(f"/v1/assets/{kept['id']}/events").json()["events"]
    assert [event["because"] for event in events if event["from"] == event["to"]] == [
        f"{gone['id']} was merged into it"]
    assert cluster_of(site, kept) is None

    site.put_inspected(EDITS["half"](picture))
    assert site.get(f"/v1/assets/{gone['id']}").json()["id"] == gone["id"], "it is here again"


@pytest.mark.embedded_only(reason="how URLs are signed is the same everywhere")
def test_redirects_of_signed_urls_are_signed(start_server):
    site = start_server({"delivery.require_signature": "true",
                         "delivery.signing_key": "a key that nobody else has"})
    picture = detailed(8)
    kept = site.put_inspected(encoded(picture, "jpeg"))
    gone = site.put_inspected(EDITS["half"](picture))
    thumb = gone["urls"]["thumb"]
    signed = site.command("sign", f"/iiif/3/{gone['id']}", "--set",
                          "delivery.signing_key=a key that nobody else has")
    base = signed.stdout.strip()
    assert site.post("/v1/duplicates/merge",
                     json={"from": gone["id"], "into": kept["id"]}).status_code == 200
    for target in (thumb, base + "/full/90,/0/default.jpg"):
        answer = site.get(target, allow_redirects=False)
        assert answer.status_code == 308 and kept["id"] in answer.headers["Location"], answer.text
        assert site.get(target).status_code == 200
    unsigned = thumb.split("?")[0]
    site.problem(site.get(unsigned, allow_redirects=False), 403, "BAD_SIGNATURE")


def test_a_page_of_another_origin_merges_nothing(site):
    picture = detailed(9)
    one, other = (site.put_inspected(EDITS[name](picture)) for name in ("half", "png"))
    refused = site.post("/v1/duplicates/merge", json={"from": one["id"], "into": other["id"]},
                        headers={"Origin": "https://elsewhere.example"})
    site.problem(refused, 403, "FORBIDDEN")


def test_after_a_restart_nothing_is_forgotten(start_server):
    site = start_server()
    picture = detailed(10)
    first = site.put_inspected(encoded(picture, "jpeg"))
    site.stop()
    site.start()
    second = site.put_inspected(EDITS["cut left"](picture))
    assert near_ids(site, second) == [first["id"]]
    assert cluster_of(site, second)["id"] == first["id"]


@pytest.mark.embedded_only(reason="it changes the catalog's file behind a server that is stopped")
def test_pictures_from_before_get_their_fingerprints(start_server):
    site = start_server({"lifecycle.scrub_interval": "300ms"})
    picture = detailed(11)
    assets = [site.put_inspected(EDITS[name](picture)) for name in ("half", "png", "cut evenly")]
    site.put_settled(b"text")
    site.stop()
    with sqlite3.connect(site.data / "catalog.db") as catalog:
        for table in ("likeness", "fingerprint"):
            catalog.execute(f"DELETE FROM {table}")
    catalog.close()
    site.start()
    site.until(lambda: (cluster := cluster_of(site, assets[0]))
               and len(cluster["members"]) == len(assets))


def test_the_commands(site, tmp_path):
    picture = detailed(12)
    for name in ("half", "recompressed"):
        (tmp_path / f"{name}.jpg").write_bytes(EDITS[name](picture))
    site.put_inspected(encoded(picture, "jpeg"))
    said = site.command_json("import", tmp_path, "--journal", tmp_path / "journal")
    assert said["new"] == 2 and 0 <= said["near_duplicates"] <= 2
    first, second = (site.settled(site.put((tmp_path / f"{name}.jpg").read_bytes())["id"])
                     for name in ("half", "recompressed"))
    listed = site.command_json("duplicates")
    [cluster] = [each for each in listed["clusters"]
                 if first["id"] in [member["id"] for member in each["members"]]]
    assert len(cluster["members"]) == 3
    shown = site.command("duplicates")
    assert shown.returncode == 0 and first["id"] in shown.stdout and "to be saved" in shown.stdout
    merged = site.command("duplicates", "merge", first["id"], second["id"])
    assert merged.returncode == 0 and "Merged" in merged.stdout, merged.stderr
    again = site.command("duplicates", "merge", first["id"], second["id"])
    assert again.returncode == 1 and "ASSET_NOT_FOUND" in again.stderr
