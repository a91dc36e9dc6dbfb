# SPDX-License-Identifier: Apache-2.0
"""imgix's and Cloudinary's URLs through the real program, and that what means the same picture is
one variant, whoever's words it is asked in."""

import time

import numpy
import pytest
from picture_files import color_difference, cut_out, decoded, encoded, fetched, scene

STACKS = ("embedded", "cluster")


@pytest.fixture(scope="module")
def asset(site):
    return site.put_inspected(encoded(scene(800, 600), "jpeg"))["id"]


@pytest.fixture(scope="module")
def mark(site):
    return site.put_inspected(encoded(cut_out(100, 50), "png"))["id"]


def cloudinary(asset, transformations, ending=".png"):
    return f"/cloudinary/image/upload/{transformations}/v1685472103/{asset}{ending}"


@pytest.mark.parametrize("words", [
    ("w=210&fm=webp", "w_210", "rs:fit:210", "full/210,/0/default"),
    ("w=211&h=150&fit=clip&fm=webp", "c_limit,h_150,w_211", "rs:fit:211:150", None),
    ("w=212&h=100&fit=crop&crop=bottom,left&fm=webp", "c_fill,g_south_west,h_100,w_212",
     "rs:fill:212:100/g:sowe", None),
    ("w=213&h=100&fit=crop&crop=edges&fm=webp", "c_fill,g_auto,h_100,w_213",
     "rs:fill:213:100/g:sm", None),
    ("w=214&h=100&fit=scale&fm=webp", "c_scale,h_100,w_214", "rs:force:214:100",
     "full/214,100/0/default"),
    ("w=215&h=100&fit=fill&bg=f00&fm=webp", "c_lpad,h_100,w_215,b_red",
     "rs:fit:215:100/ex:1/bg:ff0000", None),
    ("rect=10,20,300,200&w=216&fm=webp", "c_crop,h_200,w_300,x_10,y_20/w_216",
     "c:300:200:nowe:10:20/w:216", "10,20,300,200/216,/0/default"),
    ("w=217&flip=h&fm=webp", "w_217/a_hflip", "w:217/fl:1", "full/217,/!0/default"),
    ("w=218&rot=90&rot-type=pivot&fm=webp", "w_218,a_270", "rot:270/h:218",
     "full/218,/270/default"),
    ("w=219&pad=0&mask=corners&corner-radius=9&fm=webp", "w_219,r_9", None, None),
])
def test_the_same_picture_is_one_variant(site, asset, words):
    imgix, path, options, iiif = words
    targets = [f"/i/{asset}?{imgix}", cloudinary(asset, path, ".webp")]
    if options:
        targets.append(f"/imgproxy/_/{options}/plain/{asset}@webp")
    if iiif:
        targets.append(f"/iiif/3/{asset}/{iiif}.webp")
    answers = [site.get(target) for target in targets]
    assert [answer.status_code for answer in answers] == [200] * len(targets)
    caches = [answer.headers["X-Cache"] for answer in answers]
    assert caches == ["MISS"] + ["HIT"] * (len(targets) - 1)
    assert len({answer.headers["ETag"] for answer in answers}) == 1


@pytest.mark.parametrize("transformations, size", [
    ("w_400", (400, 300)), ("c_fill,w_200,h_200", (200, 200)), ("c_fit,w_2000,h_900", (1200, 900)),
    ("c_limit,w_2000,h_2000", (800, 600)), ("c_pad,w_300,h_100", (300, 100)),
    ("c_crop,w_0.5,h_0.5/c_scale,w_100", (100, 75)),
    ("w_400/c_crop,w_100,h_50,x_10,y_10", (100, 50)),
    ("a_90/w_150", (150, 200)), ("w_100,bo_5px_solid_red", (110, 85)), ("w_200,a_45", (248, 248)),
    ("dpr_2.0,w_100", (200, 150)), ("t_thumb", (300, 225)),
])
def test_sizes_by_cloudinary(site, asset, transformations, size):
    assert fetched(site, cloudinary(asset, transformations)).size == size


def test_chains_show_the_right_part(site, asset):
    whole = decoded(encoded(scene(800, 600), "jpeg"))
    made = fetched(site, cloudinary(asset, "c_scale,w_400/c_crop,w_100,h_80,x_20,y_40"))
    assert color_difference(made, whole.crop((40, 80, 240, 240)).resize((100, 80))) < 3
    made = fetched(site, cloudinary(asset, "a_90/c_crop,w_100,h_200,x_0,y_0"))
    assert color_difference(made, whole.rotate(-90, expand=True).crop((0, 0, 100, 200))) < 3


def test_f_auto_is_by_accept(site, asset):
    target = cloudinary(asset, "w_90,f_auto,q_auto", ".jpg")
    for _ in range(2):
        for accept, kind in (("image/avif,image/webp,*/*", "image/avif"),
                             ("image/webp", "image/webp"), ("*/*", "image/jpeg")):
            answer = site.get(target, headers={"Accept": accept})
            assert answer.headers["Content-Type"] == kind and answer.headers["Vary"] == "Accept"


def test_cloudinary_refuses_by_name(site, asset):
    for transformations in ("e_sepia", "l_logo", "fl_lossy", "s--abcdefgh--",
                            "g_face,c_thumb,w_9,h_9", "so_3", "du_1", "r_9/w_50"):
        problem = site.problem(site.get(cloudinary(asset, transformations)), 400, "BAD_RECIPE")
        name = transformations.split("_")[0]
        assert name in problem["detail"] or "sizes must come" in problem["detail"]
    site.problem(site.get(cloudinary("a" * 26, "w_5")), 404, "ASSET_NOT_FOUND")
    site.problem(site.get(cloudinary("sample", "w_5")), 404, "ASSET_NOT_FOUND")


def test_imgix_decorates_and_names_downloads(site, asset, mark):
    bare = fetched(site, f"/i/{asset}?w=200&fm=png")
    framed = fetched(site, f"/i/{asset}?w=200&border=10,f00&fm=png")
    assert framed.size == (200, 155) and framed.getpixel((3, 3)) == (255, 0, 0)
    marked = fetched(site, f"/i/{asset}?w=200&mark={mark}&mark-align=top,left&mark-pad=0&fm=png")
    different = numpy.abs(numpy.asarray(bare, float) - numpy.asarray(marked, float)).sum(2) > 30
    assert different[:50, :50].any() and not different[60:].any()
    assert fetched(site, f"/i/{asset}?w=0.25&fm=png").size == (200, 150)
    answer = site.get(f"/i/{asset}?w=50&dl=a.jpg")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    site.problem(site.get(f"/i/{asset}?w=50&expires=1000"), 404, "ASSET_NOT_FOUND")
    answer = site.get(f"/i/{asset}?w=50&expires={int(time.time()) + 60}")
    assert int(answer.headers["Cache-Control"].split("max-age=")[1]) <= 60


@pytest.mark.embedded_only("a cluster has workers")
def test_what_is_being_inspected_is_202_in_every_dialect(start_server):
    site = start_server({"jobs.in_server": "false"})
    asset = site.put(encoded(scene(80, 60), "png"))["id"]
    for target in (f"/i/{asset}?w=5", f"/i/{asset}?w=0.5", f"/iiif/3/{asset}/info.json",
                   f"/iiif/3/{asset}/full/5,/0/default.jpg", f"/imgproxy/_/w:5/plain/{asset}",
                   cloudinary(asset, "w_5")):
        answer = site.problem(site.get(target), 202, "ASSET_PROCESSING")
        assert answer
        assert "Retry-After" in site.get(target).headers
