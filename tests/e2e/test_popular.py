# SPDX-License-Identifier: Apache-2.0
"""What many want is made again while nobody waits, smaller, under the next version: URLs without a
version lead there, the earlier URL keeps its bytes, and what few want stays as it is."""

import io
import re
import time

import numpy
import pytest
from PIL import Image
from picture_files import cut_out, decoded, encoded, scene

STACKS = ("embedded", "cluster")
SETTINGS = {"delivery.access_interval": "100ms", "delivery.popular_after": "20"}


def grain(width, height):
    """A scene with texture: encoders find something to look for."""
    noise = numpy.random.default_rng(7).normal(0, 9, (height, width, 1))
    picture = numpy.asarray(scene(width, height)).astype(float) + noise
    return Image.fromarray(picture.clip(0, 255).astype("uint8"))


@pytest.fixture(scope="module")
def site(make_server, tmp_path_factory):
    server = make_server(tmp_path_factory.mktemp("popular"), SETTINGS)
    server.start()
    yield server
    assert server.stop() == 0


def url_of(site, asset, name):
    return site.get(f"/asset/{asset['id']}/variant/{name}").json()["url"]


def wanted_until_better(site, asset, name):
    """Asks for the variant until its URL is another; the earlier one and the new one."""
    first = url_of(site, asset, name)

    def changed():
        site.get(first)
        now = url_of(site, asset, name)
        return now if now != first else None

    return first, site.until(changed, 60)


@pytest.mark.parametrize("form", ["webp", "avif", "png"])
def test_what_is_popular_becomes_smaller_under_another_url(site, form):
    asset = site.put_inspected(encoded(grain(900, 600 + len(form)), "jpeg"))
    name = f"w=400&fm={form}"
    before = site.get(url_of(site, asset, name))
    first, better = wanted_until_better(site, asset, name)
    after = site.get(better, allow_redirects=False)
    assert after.status_code == 200 and after.headers["ETag"] != before.headers["ETag"]
    assert len(after.content) < len(before.content)
    assert "immutable" in after.headers["Cache-Control"]
    versions = [re.search(r"\.([a-z2-7]{8})\.", url)[1] for url in (first, better)]
    assert versions[0] != versions[1]
    # The earlier URL was immutable, and is.
    again = site.get(first, allow_redirects=False)
    assert again.status_code == 200 and again.content == before.content
    pictures = [numpy.asarray(decoded(one.content, one.headers["Content-Type"]).convert("RGB"))
                .astype(int) for one in (before, after)]
    assert pictures[0].shape == pictures[1].shape
    assert numpy.abs(pictures[0] - pictures[1]).mean() < 6


def test_names_without_a_version_lead_to_the_better_one(site):
    asset = site.put_inspected(encoded(grain(800, 500), "jpeg"))
    unversioned = f"/i/{asset['id']}?w=300&fm=webp"
    quick = site.get(unversioned).content
    assert site.get(unversioned).headers["X-Cache"] == "HIT"
    _, better = wanted_until_better(site, asset, "thumb")
    content = site.get(better).content
    assert len(content) < len(quick)
    redirect = site.get(f"/v/{asset['id']}/thumb.webp", allow_redirects=False)
    assert redirect.status_code == 302 and redirect.headers["Location"] == better
    negotiated = site.get(f"/v/{asset['id']}/w=300.auto", allow_redirects=False,
                          headers={"Accept": "image/webp"})
    assert negotiated.status_code == 302
    assert site.get(negotiated.headers["Location"]).content == content
    # Not what was hot before, on any server, as soon as it has heard of it.
    site.until(lambda: all(site.get(unversioned).content == content for _ in range(4)), 10)
    assert site.get(f"/v1/assets/{asset['id']}").json()["urls"]["thumb"] == better
    listed = site.get("/v1/assets?limit=1000").json()["assets"]
    assert [one["urls"]["thumb"] for one in listed if one["id"] == asset["id"]] == [better]
    stored = site.get(f"/v1/assets/{asset['id']}/variants").json()["variants"]
    assert len({one["version"] for one in stored if one["recipe"] == "w=300&fm=webp"}) == 2


def test_alpha_survives(site):
    asset = site.put_inspected(encoded(cut_out(500, 400), "png"))
    _, better = wanted_until_better(site, asset, "w=200&fm=webp")
    picture = Image.open(io.BytesIO(site.get(better).content))
    assert picture.mode == "RGBA"
    assert [picture.getpixel((x, 80))[3] > 100 for x in (10, 190)] == [True, False]


def test_a_version_that_is_not_stored_leads_to_one_that_is(site):
    asset = site.put_inspected(encoded(grain(700, 500), "jpeg"))
    other = site.put_inspected(encoded(grain(701, 500), "jpeg"))
    _, better = wanted_until_better(site, asset, "thumb")
    answer = site.get(better.replace(asset["id"], other["id"]), allow_redirects=False)
    assert answer.status_code == 302
    assert site.get(answer.headers["Location"]).status_code == 200
    assert site.delete(f"/v1/assets/{asset['id']}").status_code == 204
    site.problem(site.get(better), 404, "ASSET_NOT_FOUND")


def test_it_is_counted_and_no_job_is_left(site):
    site.until(lambda: site.metric("variant_improved_total", result="smaller") >= 4)
    assert site.metric("variant_improved_saved_bytes_total") > 0
    assert site.metric("job_duration_seconds_count", lane="image", kind="render") >= 4
    site.until(lambda: not [job for job in site.get("/v1/jobs").json()["jobs"]
                            if job["kind"] == "render"])


def test_what_comes_out_no_smaller_is_not_stored(site):
    asset = site.put_inspected(encoded(Image.new("RGB", (64, 64), (9, 120, 40)), "png"))
    url = url_of(site, asset, "w=16&fm=png")
    before = site.metric("variant_improved_total", result="not_smaller")
    site.until(lambda: site.get(url).status_code == 200 and
               site.metric("variant_improved_total", result="not_smaller") > before)
    assert url_of(site, asset, "w=16&fm=png") == url
    stored = site.get(f"/v1/assets/{asset['id']}/variants").json()["variants"]
    assert [one["url"] for one in stored] == [url]


def test_what_few_want_and_what_is_switched_off_stays_as_it_is(start_server):
    for popular_after, requests in ((40, 30), (0, 60)):
        server = start_server({"delivery.access_interval": "100ms",
                               "delivery.popular_after": str(popular_after)})
        asset = server.put_inspected(encoded(grain(640, 480), "jpeg"))
        url = url_of(server, asset, "thumb")
        for _ in range(requests):
            assert server.get(url).status_code == 200

        def stored(server=server, asset=asset):
            return server.get(f"/v1/assets/{asset['id']}/variants").json()["variants"]

        server.until(lambda: stored() and stored()[0]["accesses"] >= requests - 3, 10)
        time.sleep(0.5)
        assert [one["recipe"] for one in stored()] == ["w=300&fm=webp"]
        assert url_of(server, asset, "thumb") == url
        assert server.metric("variant_improved_total") == 0


def test_counts_of_hot_answers_make_a_variant_popular_too(start_server):
    server = start_server({"delivery.access_interval": "200ms", "delivery.popular_after": "300"})
    asset = server.put_inspected(encoded(grain(660, 480), "jpeg"))
    url = url_of(server, asset, "thumb")
    for _ in range(290):
        assert server.get(url).status_code == 200
    assert server.metric("variant_requests_total", result="hot") >= 280
    assert url_of(server, asset, "thumb") == url
    for _ in range(20):
        assert server.get(url).status_code == 200
    server.until(lambda: url_of(server, asset, "thumb") != url, 30)
