# SPDX-License-Identifier: Apache-2.0
"""Pictures through the real program: what a recipe promises is measured on the decoded answer.
Tests over real files say so in their ids; where ../shared/corpus is missing they are skipped, and
the same promises are held by pictures that the tests make themselves."""

import base64
import io
import re
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
import requests
from PIL import Image
from picture_files import (CORPUS, HAS_CORPUS, color_at, converted, corpus, cut_out, decoded,
                           difference, encoded, is_near, scene, truth)

STACKS = ("embedded", "cluster")

FORMATS = ("jpeg", "png", "webp", "avif")
needs_corpus = pytest.mark.skipif(not HAS_CORPUS, reason="../shared/corpus is not there")


@pytest.fixture(scope="module")
def photo(site):
    """The scene, 800 × 600, as a JPEG."""
    return site.put_inspected(encoded(scene(800, 600), "jpeg"))


@pytest.fixture(scope="module")
def transparent(site):
    return site.put_inspected(encoded(cut_out(), "png"))


# ---- recipes ------------------------------------------------------------------------------------

SIZES = [
    ("a width keeps the shape", "w=200", (200, 150)),
    ("a height keeps the shape", "h=150", (200, 150)),
    ("the default fit is inside", "w=200&h=200", (200, 150)),
    ("inside a flat box", "w=400&h=100&fit=inside", (133, 100)),
    ("outside covers the box", "w=200&h=200&fit=outside", (267, 200)),
    ("cover is the box", "w=200&h=200&fit=cover", (200, 200)),
    ("crop is cover", "w=120&h=300&fit=crop", (120, 300)),
    ("contain is the box", "w=200&h=200&fit=contain", (200, 200)),
    ("dpr multiplies", "w=100&dpr=2", (200, 150)),
    ("dpr may be a fraction", "w=100&dpr=1.5", (150, 113)),
    ("never enlarged unasked", "w=1600", (800, 600)),
    ("enlarged when asked", "w=1600&enlarge=1", (1600, 1200)),
    ("cover larger than the original keeps the box's shape", "w=1600&h=1600&fit=cover", (600, 600)),
    ("contain larger than the original pads", "w=1000&h=1000&fit=contain", (1000, 1000)),
    ("commas join as well", "w=200,h=200,fit=cover", (200, 200)),
]


@pytest.mark.parametrize("parameters, size", [row[1:] for row in SIZES],
                         ids=[row[0] for row in SIZES])
def test_a_recipe_gives_the_documented_size(site, photo, parameters, size):
    answer, picture = site.variant(photo, parameters + "&fm=png")
    assert picture.size == size
    assert (answer["width"], answer["height"]) == size


def test_without_dimensions_the_original_size_is_kept(site, photo):
    assert site.variant(photo, "fm=webp")[1].size == (800, 600)


@pytest.mark.parametrize("source_width, width", [(800, 300), (1600, 300), (1600, 640)])
def test_what_is_seen_is_the_original_reduced(site, source_width, width):
    content = encoded(scene(source_width, source_width * 3 // 4), "jpeg")
    asset = site.put_inspected(content)
    picture = site.variant(asset, f"w={width}&fm=webp&q=90")[1]
    assert difference(picture, truth(content, width)) < 2.5


GRAVITIES = [
    ("center", 0.5, 0.5), ("north", 0.5, 0.0), ("northeast", 1.0, 0.0), ("east", 1.0, 0.5),
    ("southeast", 1.0, 1.0), ("south", 0.5, 1.0), ("southwest", 0.0, 1.0), ("west", 0.0, 0.5),
    ("northwest", 0.0, 0.0),
]


@pytest.mark.parametrize("gravity, across, down", GRAVITIES, ids=[row[0] for row in GRAVITIES])
@pytest.mark.parametrize("width, height", [(100, 300), (400, 100)], ids=["narrow", "flat"])
def test_gravity_says_which_part_is_kept(site, photo, gravity, across, down, width, height):
    picture = site.variant(photo, f"w={width}&h={height}&fit=cover&g={gravity}&fm=png")[1]
    scaled = scene(800, 600).resize((max(width, height * 4 // 3), max(height, width * 3 // 4)),
                                    Image.LANCZOS)
    left, top = round((scaled.width - width) * across), round((scaled.height - height) * down)
    assert difference(picture, scaled.crop((left, top, left + width, top + height))) < 3


def test_contain_pads_with_the_background(site, photo):
    picture = site.variant(photo, "w=200&h=200&fit=contain&bg=ff0000&fm=png")[1].convert("RGB")
    for across, down in ((0.5, 0.03), (0.5, 0.97), (0.02, 0.1)):
        assert is_near(color_at(picture, across, down), (255, 0, 0), 2)
    inner = picture.crop((0, 25, 200, 175))
    assert difference(inner, scene(800, 600).resize((200, 150), Image.LANCZOS)) < 3


def test_contain_pads_transparent_or_white_by_default(site, photo):
    png = site.variant(photo, "w=200&h=200&fit=contain&fm=png")[1]
    assert png.mode == "RGBA" and color_at(png, 0.5, 0.02)[3] == 0
    jpeg = site.variant(photo, "w=200&h=200&fit=contain&fm=jpeg")[1]
    assert is_near(color_at(jpeg, 0.5, 0.02), (255, 255, 255), 3)


def test_quality_trades_bytes(site, photo):
    for form in ("jpeg", "webp", "avif"):
        low, high = (site.variant(photo, f"w=400&q={quality}&fm={form}")[0]["bytes"]
                     for quality in (20, 95))
        assert low < 0.6 * high, form


BAD_RECIPES = [
    ("w=abc", "w"), ("w=0", "w"), ("w=-5", "w"), ("w=65536", "w"), ("w=1e3", "w"), ("w=", "w"),
    ("h=10000000000000000000000", "h"), ("w=40000&dpr=2", "w"), ("w=100&dpr=0", "dpr"),
    ("w=100&dpr=11", "dpr"), ("w=100&q=0", "q"), ("w=100&q=101", "q"), ("w=100&fit=squash", "fit"),
    ("w=100&g=middle", "g"), ("w=100&bg=zzz", "bg"), ("w=100&fm=bmp", "fm"),
    ("w=100&enlarge=maybe", "enlarge"), ("w=100&w=200", "w"), ("width=100", "width"),
    ("no-such-preset", "thumb"), ("w=100&javascript=1", "javascript"),
]


@pytest.mark.parametrize("parameters, named", BAD_RECIPES, ids=[row[0] for row in BAD_RECIPES])
def test_a_bad_recipe_is_refused_by_name(site, photo, parameters, named):
    answer = site.get(f"/asset/{photo['id']}/variant/{parameters}")
    problem = site.problem(answer, 400, "BAD_RECIPE")
    assert re.search(rf"\b{named}\b", problem["detail"]), problem["detail"]
    assert site.get(f"/v1/assets/{photo['id']}").json()["state"] != "METADATA_FAILED"


def test_an_output_over_the_limits_is_refused_and_names_the_limit(site, photo):
    answer = site.get(f"/asset/{photo['id']}/variant/w=20000&enlarge=1&fm=png")
    assert site.problem(answer, 422, "LIMIT_EXCEEDED")["limit"] == "render.output_side_max"


# ---- formats ------------------------------------------------------------------------------------

@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_every_format_goes_in_and_out(site, source, form):
    asset = site.put_inspected(encoded(scene(), source))
    assert asset["media_type"] == f"image/{source}"
    assert (asset["width"], asset["height"]) == (400, 300)
    answer, picture = site.variant(asset, f"w=200&fm={form}&q=90")
    assert answer["media_type"] == f"image/{form}"
    assert difference(picture.convert("RGB"), scene().resize((200, 150), Image.LANCZOS)) < 4


@pytest.mark.parametrize("source", ["png", "webp", "avif"])
@pytest.mark.parametrize("form", ["png", "webp", "avif"])
def test_alpha_is_kept(site, source, form):
    asset = site.put_inspected(encoded(cut_out(), source))
    assert asset["has_alpha"] is True
    picture = site.variant(asset, f"w=200&fm={form}&q=90")[1]
    assert picture.mode == "RGBA"
    assert difference(picture, cut_out().resize((200, 150), Image.LANCZOS)) < 4
    assert [round(color_at(picture, across, 0.5)[3]) for across in (0.1, 0.9)] == [255, 0]


@pytest.mark.parametrize("parameters, color", [
    ("fm=jpeg", (255, 255, 255)), ("fm=jpeg&bg=00ff00", (0, 255, 0)),
    ("fm=png&bg=0000ff", (0, 0, 255)), ("fm=webp&bg=f00", (255, 0, 0)),
])
def test_alpha_is_flattened_on_the_background(site, transparent, parameters, color):
    picture = site.variant(transparent, f"w=200&{parameters}")[1]
    flat = Image.new("RGBA", (400, 300), (*color, 255))
    flat.alpha_composite(cut_out())
    assert is_near(color_at(picture.convert("RGB"), 0.95, 0.5), color, 6)
    assert color_at(picture.convert("RGBA"), 0.95, 0.5)[3] == 255
    wanted = flat.convert("RGB").resize((200, 150), Image.LANCZOS)
    assert difference(picture.convert("RGB"), wanted) < 4


ACCEPTS = [
    ("image/avif,image/webp,image/png,*/*;q=0.8", "image/avif"),
    ("image/webp,*/*", "image/webp"),
    ("image/avif;q=0,image/webp", "image/webp"),
    ("*/*", "image/jpeg"),
    ("image/png", None),
    ("", "image/jpeg"),
]


@pytest.mark.parametrize("accept, media_type", ACCEPTS, ids=[row[0] or "none" for row in ACCEPTS])
@pytest.mark.parametrize("target", ["/v/{id}/w=120.auto", "/i/{id}?w=120&auto=format"],
                         ids=["native", "imgix"])
def test_the_format_follows_accept(site, photo, target, accept, media_type):
    answer = site.get(target.format(id=photo["id"]), headers={"Accept": accept})
    assert answer.status_code == 200
    assert "Accept" in (answer.history or [answer])[0].headers["Vary"]
    if media_type:
        assert answer.headers["Content-Type"] == media_type
    assert decoded(answer.content).size == (120, 90)


def test_what_has_alpha_never_becomes_a_jpeg_unasked(site, transparent):
    answer = site.get(f"/i/{transparent['id']}?w=100&auto=format", headers={"Accept": "*/*"})
    assert answer.headers["Content-Type"] == "image/png"


def test_imgix_names_mean_the_same_picture(site, photo):
    native = site.variant(photo, "w=200&h=200&fit=cover&g=west&fm=webp")[0]
    answer = site.get(f"/i/{photo['id']}?w=200&h=200&fit=crop&crop=left&fm=webp")
    assert answer.headers["X-Cache"] == "HIT"
    assert answer.content == site.get(native["url"]).content


# ---- orientation --------------------------------------------------------------------------------

# How a picture must be stored so that an EXIF orientation shows it upright again.
STORED = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
}


def turned(orientation, form):
    picture = scene(800, 600)
    if STORED[orientation] is not None:
        picture = picture.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, form, exif=exif)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(site, orientation, form):
    asset = site.put_inspected(turned(orientation, form))
    assert (asset["width"], asset["height"]) == (800, 600)
    assert asset["orientation"] == orientation
    for parameters, size in (("w=300", (300, 225)), ("w=700", (700, 525))):
        picture = site.variant(asset, f"{parameters}&fm=png")[1]
        assert difference(picture, scene(800, 600).resize(size, Image.LANCZOS)) < 3, parameters
        assert Image.open(io.BytesIO(encoded(picture, "png"))).getexif().get(0x0112, 1) == 1


@needs_corpus
@pytest.mark.parametrize("width", [300, 900])
def test_the_corpus_landscapes_are_all_the_same_way_up(site, width):
    pictures = []
    for file in corpus("orientation/*.jpg"):
        pictures.append(site.variant(site.put_inspected(file.read_bytes()),
                                     f"w={width}&fm=png")[1])
    assert len(pictures) == 9
    for picture in pictures[1:]:
        assert difference(picture.resize(pictures[1].size), pictures[1]) < 8


# ---- colours ------------------------------------------------------------------------------------

COLORS = [
    ("Display P3", lambda png: converted(png, "png", "icc_transform", "p3", "--input-profile",
                                         "srgb"), 3),
    ("CMYK with a profile", lambda png: converted(png, "jpg[Q=98]", "icc_transform", "cmyk",
                                                  "--input-profile", "srgb"), 9),
    ("16 bits", lambda png: converted(png, "png", "colourspace", "rgb16"), 3),
]


@pytest.mark.parametrize("made, tolerance", [row[1:] for row in COLORS],
                         ids=[row[0] for row in COLORS])
@pytest.mark.parametrize("width", [200, 380], ids=["small", "large"])
def test_colours_become_srgb(site, made, tolerance, width):
    content = made(encoded(scene(), "png"))
    picture = site.variant(site.put_inspected(content), f"w={width}&fm=png")[1].convert("RGB")
    # The other file shows the same colours; what the way there lost, libvips shows.
    assert difference(picture, truth(content, width).convert("RGB")) < 3
    wanted = scene().resize(picture.size, Image.LANCZOS)
    assert difference(picture, wanted) < tolerance


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_gray_stays_gray(site, form):
    asset = site.put_inspected(encoded(scene().convert("L"), form))
    picture = site.variant(asset, "w=200&fm=png")[1].convert("RGB")
    pixels = numpy.asarray(picture, int)
    assert numpy.abs(pixels[..., 0] - pixels[..., 2]).max() <= 4
    wanted = scene().convert("L").convert("RGB").resize((200, 150), Image.LANCZOS)
    assert difference(picture, wanted) < 3


REAL_COLORS = ["16bit.png", "display-p3.png", "prophoto.png", "cmyk.jpg", "cmyk-no-profile.jpg",
               "gray.jpg", "alpha.png", "photo.avif", "10bit.avif", "photo.png", "alpha.webp",
               "gain-map-hdr.jpg"]


@needs_corpus
@pytest.mark.parametrize("name", REAL_COLORS)
def test_real_files_look_as_libvips_shows_them(site, name):
    content = (CORPUS / "formats" / name).read_bytes()
    asset = site.put_inspected(content)
    width = min(300, asset["width"])
    picture = site.variant(asset, f"w={width}&fm=png")[1]
    wanted = truth(content, width)
    assert abs(picture.height - wanted.height) <= 1
    if asset["has_alpha"]:
        assert picture.mode == "RGBA"
    else:
        picture = picture.convert("RGB")
    assert difference(picture.resize(wanted.size), wanted) < 5


# ---- presets, metadata, placeholder -------------------------------------------------------------

@pytest.mark.parametrize("preset, size", [
    ("thumb", (300, 225)), ("mobile", (1200, 900)), ("desktop", (1200, 900)),
    ("social", (1200, 630)), ("original-size", (1600, 1200)),
])
def test_presets(site, preset, size):
    asset = site.put_inspected(encoded(scene(1600, 1200), "jpeg"))
    answer = site.get(asset["urls"][preset], allow_redirects=False)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/webp"
    assert decoded(answer.content).size == size
    assert re.fullmatch(rf"/v/{asset['id']}/{preset}\.[a-z2-7]{{8}}\.webp", asset["urls"][preset])


def test_metadata_of_a_picture(site):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x8298] = "Voigtländer", "Bessa", "nobody"
    exif.get_ifd(0x8769)[0x829A] = 0.008
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "S", (33.0, 51.0, 25.2), "E", (151.0, 12.0, 36.0)
    asset = site.put_inspected(encoded(scene(), "jpeg", exif=exif))
    metadata = asset["metadata"]
    assert metadata["exif"]["Image"]["Model"] == "Bessa"
    assert metadata["exif"]["Photo"]["ExposureTime"] == pytest.approx(0.008)
    assert metadata["gps"]["latitude"] == pytest.approx(-33.857, abs=1e-3)
    assert metadata["gps"]["longitude"] == pytest.approx(151.21, abs=1e-3)
    plain = site.get(site.variant(asset, "w=100&fm=jpeg")[0]["url"]).content
    assert not Image.open(io.BytesIO(plain)).getexif(), "a variant carries no metadata"


@needs_corpus
@pytest.mark.parametrize("file", corpus("photos/*.jpg"),
                         ids=lambda file: getattr(file, "stem", "none"))  # a clone has no corpus
def test_metadata_of_real_photographs(site, file):
    asset = site.put_inspected(file.read_bytes())
    known = Image.open(file)
    exif = known.getexif()
    upright = known.size[::-1] if exif.get(0x0112, 1) >= 5 else known.size
    assert (asset["width"], asset["height"]) == upright
    assert asset["media_type"] == "image/jpeg"
    image = asset["metadata"].get("exif", {}).get("Image", {})
    for tag, key in ((0x010F, "Make"), (0x0110, "Model")):
        if tag in exif:
            assert image[key].strip() == str(exif[tag]).strip("\0 ")
    gps = exif.get_ifd(0x8825)
    if 2 in gps and 4 in gps:
        def degrees(place, side):
            value = sum(float(part) / 60**power for power, part in enumerate(place))
            return -value if side in ("S", "W") else value
        assert asset["metadata"]["gps"]["latitude"] == pytest.approx(
            degrees(gps[2], gps.get(1)), abs=1e-4)
        assert asset["metadata"]["gps"]["longitude"] == pytest.approx(
            degrees(gps[4], gps.get(3)), abs=1e-4)


def mean_of_thumbhash(text):
    """The average colour and the shape that a ThumbHash says (evanw/thumbhash, format)."""
    raw = base64.b64decode(text)
    head = raw[0] | raw[1] << 8 | raw[2] << 16
    l, p, q = (head & 63) / 63, (head >> 6 & 63) / 31.5 - 1, (head >> 12 & 63) / 31.5 - 1
    blue = l - 2 / 3 * p
    red = (3 * l - blue + q) / 2
    color = tuple(255 * min(1, max(0, value)) for value in (red, red - q, blue))
    has_alpha, landscape = bool(head >> 23), raw[4] & 0x80
    long_side, short_side = 5 if has_alpha else 7, raw[3] & 7
    wide, high = (long_side, short_side) if landscape else (short_side, long_side)
    return color, wide / high, has_alpha


@pytest.mark.parametrize("size", [(800, 600), (600, 800), (500, 500)])
def test_the_placeholder_has_the_picture_s_colour_and_shape(site, size):
    asset = site.put_inspected(encoded(scene(*size), "jpeg"))
    color, shape, has_alpha = mean_of_thumbhash(asset["placeholder"])
    assert is_near(color, numpy.asarray(scene(*size), float).mean((0, 1)), 10)
    assert shape == pytest.approx(size[0] / size[1], rel=0.25)
    assert not has_alpha and len(base64.b64decode(asset["placeholder"])) <= 30


def test_the_placeholder_knows_of_alpha(transparent):
    assert mean_of_thumbhash(transparent["placeholder"])[2]


# ---- once ---------------------------------------------------------------------------------------

def test_a_variant_is_a_miss_once_and_a_hit_ever_after(site):
    asset = site.put_inspected(encoded(scene(500, 400), "jpeg"))
    assert asset["state"] == "METADATA_READY"
    answers = [site.get(asset["urls"]["thumb"]) for _ in range(3)]
    assert [answer.headers["X-Cache"] for answer in answers] == ["MISS", "HIT", "HIT"]
    assert len({answer.content for answer in answers}) == 1
    answer = site.get(f"/asset/{asset['id']}/variant/thumb")
    assert answer.headers["X-Cache"] == "HIT" and answer.json()["url"] == asset["urls"]["thumb"]
    site.until(lambda: site.get(f"/v1/assets/{asset['id']}").json()["state"] == "VARIANTS_READY")
    recorded = site.get(f"/v1/assets/{asset['id']}/variants").json()["variants"]
    assert [variant["recipe"] for variant in recorded] == ["w=300&fm=webp"]


def test_sixty_four_first_requests_render_once(site):
    asset = site.put_inspected(encoded(scene(2400, 1800), "jpeg"))
    target = f"{site.url}/i/{asset['id']}?w=900&fm=webp"
    before = site.metric("variant_render_duration_seconds_count")
    with ThreadPoolExecutor(64) as clients:
        answers = list(clients.map(lambda _: requests.get(target, timeout=60), range(64)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert site.metric("variant_render_duration_seconds_count") - before == 1


def test_the_same_picture_in_other_words_is_the_same_variant(site):
    asset = site.put_inspected(encoded(scene(700, 500), "jpeg"))
    site.variant(asset, "w=240&fm=webp")
    before = site.metric("variant_render_duration_seconds_count")
    for parameters in ("fm=webp&w=240", "w=120&dpr=2&fm=webp", "w=240&fit=cover&g=north&fm=webp",
                       "w=240&q=85&fm=webp"):
        site.variant(asset, parameters)
    assert site.metric("variant_render_duration_seconds_count") == before
