# SPDX-License-Identifier: Apache-2.0
"""Every format in and out through the real program, and what recipes do beyond a size. Files of
../shared/corpus are judged by libvips' own command, those made here by what was put in."""

import io
import re
import subprocess
import tempfile
from pathlib import Path

import numpy
import pytest
from picture_files import (CORPUS, HAS_CORPUS, color_at, converted, cut_out, decoded, difference,
                           encoded, is_near, scene)
from PIL import Image, ImageSequence

needs_corpus = pytest.mark.skipif(not HAS_CORPUS, reason="../shared/corpus is not there")


@pytest.fixture(scope="module")
def photo(site):
    return site.put_inspected(encoded(scene(800, 600), "jpeg"))


def moving(form, loops=0, delays=(40, 200, 70)):
    """Red, green and blue, one after another."""
    frames = [Image.new("RGB", (60, 40), color) for color in ("#f00", "#0c0", "#00f")]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=list(delays),
                   loop=loops, **({"lossless": True} if form == "webp" else {}))
    return out.getvalue()


def svg(inside, width=200, height=100):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
            f'{inside}</svg>').encode()


# ---- in -----------------------------------------------------------------------------------------

MADE = [
    ("GIF", lambda: encoded(scene(200, 150).convert("P", palette=Image.ADAPTIVE), "gif"),
     "image/gif", 12),
    ("BMP", lambda: encoded(scene(200, 150), "bmp"), "image/bmp", 1),
    ("TIFF", lambda: encoded(scene(200, 150), "tiff"), "image/tiff", 1),
    ("TIFF of 16 bits", lambda: converted(encoded(scene(200, 150), "png"), "tif", "colourspace",
                                          "rgb16"), "image/tiff", 1),
    ("TIFF of CIELAB", lambda: converted(encoded(scene(200, 150), "png"), "tif", "colourspace",
                                         "lab"), "image/tiff", 2),
    ("TIFF of CMYK", lambda: encoded(scene(200, 150).convert("CMYK"), "tiff"), "image/tiff", 60),
    ("JPEG 2000", lambda: converted(encoded(scene(200, 150), "png"), "jp2[Q=90]"), "image/jp2", 4),
    ("JPEG XL", lambda: converted(encoded(scene(200, 150), "png"), "jxl[Q=95]"), "image/jxl", 3),
    ("ICO", lambda: encoded(scene(200, 150), "ico", sizes=[(64, 48), (200, 150)]),
     "image/x-icon", 2),
    ("PDF", lambda: encoded(scene(200, 150), "pdf", resolution=150), "application/pdf", 4),
]


@pytest.mark.parametrize("made, media_type, most", [row[1:] for row in MADE],
                         ids=[row[0] for row in MADE])
def test_made_files_come_out_right(site, made, media_type, most):
    asset = site.put_inspected(made())
    assert asset["media_type"] == media_type and asset["renderable"]
    assert (asset["width"], asset["height"]) == (200, 150)
    picture = site.variant(asset, "w=100&fm=png")[1].convert("RGB")
    assert difference(picture, scene(200, 150).resize((100, 75), Image.LANCZOS)) < most


REAL = [
    # file, media type, width, height, pages
    ("iphone.heic", "image/heic", 3024, 4032, 1),
    ("animated.gif", "image/gif", 80, 80, 30),
    ("animated-loop-3.gif", "image/gif", 370, 285, 10),
    ("animated.webp", "image/webp", 320, 240, 101),
    ("cielab.tiff", "image/tiff", 400, 266, 1),
    ("multipage.tif", "image/tiff", 4670, 6170, 5),
    ("balloon.jp2", "image/jp2", 0, 0, 1),
    ("rgb32.bmp", "image/bmp", 0, 0, 1),
    ("drawing.svg", "image/svg+xml", 0, 0, 1),
    ("layers.psd", "image/vnd.adobe.photoshop", 1650, 1350, 1),
]


@needs_corpus
@pytest.mark.parametrize("name, media_type, width, height, pages", REAL,
                         ids=[row[0] for row in REAL])
def test_real_files_come_out_right(site, name, media_type, width, height, pages):
    content = (CORPUS / "formats" / name).read_bytes()
    asset = site.put_inspected(content)
    assert asset["media_type"] == media_type and asset["renderable"]
    assert asset["pages"] == pages
    if width:
        assert (asset["width"], asset["height"]) == (width, height)
    side = min(300, asset["width"])
    picture = site.variant(asset, f"w={side}&frame=1&bg=fff&fm=png")[1].convert("RGB")
    wanted = decoded(thumbnail(CORPUS / "formats" / name, side)).convert("RGBA")
    white = Image.new("RGBA", wanted.size, "white")
    wanted = Image.alpha_composite(white, wanted).convert("RGB").resize(picture.size)
    assert difference(picture, wanted) < 6


def thumbnail(file, side):
    """libvips' own reduction, by its command."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["vipsthumbnail", file, "--size", f"{side}x", "-o", f"{folder}/t.png",
                        "--export-profile", "srgb"], check=True, capture_output=True)
        return Path(f"{folder}/t.png").read_bytes()


def test_an_svg_shows_its_text_and_grows_without_blur(site):
    asset = site.put_inspected(svg('<text x="10" y="70" font-family="serif" font-size="60" '
                                   'fill="#000">Ag</text>'))
    assert (asset["width"], asset["height"], asset["has_alpha"]) == (200, 100, True)
    picture = site.variant(asset, "w=1000&bg=fff&fm=png")[1].convert("L")
    assert picture.size == (1000, 500)
    pixels = numpy.asarray(picture)
    assert (pixels < 50).sum() > 5000, "no text"
    between = ((pixels > 50) & (pixels < 205)).sum()
    assert between < (pixels < 50).sum() * 0.2, "its edges are soft"


def test_an_svg_reaches_nothing_outside(site):
    hostile = svg('<image width="200" height="100" href="file:///etc/hostname"/>'
                  '<image width="200" height="100" href="http://127.0.0.1:1/x.png"/>'
                  '<script>while(true){}</script>'
                  '<foreignObject width="200" height="100"><p>here</p></foreignObject>')
    picture = site.variant(site.put_inspected(hostile), "fm=png")[1]
    assert numpy.asarray(picture)[..., 3].max() == 0


def test_pages_of_a_pdf_and_a_tiff(site):
    pages = [Image.new("RGB", (200, 150), color) for color in ("#f00", "#0c0", "#00f")]
    pages[2] = pages[2].resize((100, 150))
    for form, options in (("pdf", {"resolution": 150}), ("tiff", {})):
        out = io.BytesIO()
        pages[0].save(out, form, save_all=True, append_images=pages[1:], **options)
        asset = site.put_inspected(out.getvalue())
        assert asset["pages"] == 3
        for page, color in ((1, (255, 0, 0)), (2, (0, 204, 0)), (3, (0, 0, 255))):
            said, picture = site.variant(asset, f"page={page}&w=50&fm=png")
            assert is_near(color_at(picture.convert("RGB"), 0.5, 0.5), color, 20), (form, page)
            assert said["height"] == (75 if page == 3 else 38), "another page, another shape"
        problem = site.problem(site.get(f"/asset/{asset['id']}/variant/page=4&fm=png"), 400,
                               "BAD_RECIPE")
        assert problem["detail"] == "page must be from 1 to 3 here, not 4."
        assert site.variant(asset, "page=1&w=50&fm=png")[0]["url"] == \
            site.variant(asset, "w=50&fm=png")[0]["url"]


# ---- animations ---------------------------------------------------------------------------------

@pytest.mark.parametrize("source", ["gif", "webp"])
@pytest.mark.parametrize("form", ["gif", "webp", "avif", "jxl"])
def test_animation_stays_animated_with_its_timing_and_loops(site, source, form):
    asset = site.put_inspected(moving(source, loops=3))
    assert asset["pages"] == 3
    answer = site.get(f"/i/{asset['id']}?w=30&fm={form}")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == f"image/{form}"
    content = answer.content
    if form in ("avif", "jxl"):  # read back by ourselves, as what Pillow does not read
        again = site.put_inspected(content)
        assert again["pages"] == 3 and again["media_type"] == f"image/{form}"
        content = site.get(f"/i/{again['id']}?fm=webp").content
    shown = Image.open(io.BytesIO(content))
    frames = [(frame.convert("RGB"), frame.info["duration"])
              for frame in ImageSequence.Iterator(shown)]
    assert [duration for _, duration in frames] == [40, 200, 70]
    # GIF counts how often it is shown again, the others how often it is shown.
    shows = 4 if source == "gif" else 3
    assert shown.info["loop"] == (shows if content[:4] == b"RIFF" else shows - 1)
    for (frame, _), color in zip(frames, [(255, 0, 0), (0, 204, 0), (0, 0, 255)], strict=True):
        assert frame.size == (30, 20)
        assert is_near(color_at(frame, 0.5, 0.5), color, 24)


def test_a_still_of_an_animation(site):
    asset = site.put_inspected(moving("gif"))
    for parameters, color in (("fm=jpeg", (255, 0, 0)), ("frame=2&fm=webp", (0, 204, 0)),
                              ("frame=3&fm=png", (0, 0, 255)), ("frame=1&fm=gif", (255, 0, 0))):
        answer = site.get(f"/asset/{asset['id']}/variant/{parameters}").json()
        picture = Image.open(io.BytesIO(site.get(answer["url"]).content))
        assert getattr(picture, "n_frames", 1) == 1
        assert is_near(color_at(picture.convert("RGB"), 0.5, 0.5), color, 24), parameters
    problem = site.problem(site.get(f"/asset/{asset['id']}/variant/frame=4&fm=png"), 400,
                           "BAD_RECIPE")
    assert "from 1 to 3" in problem["detail"]


def test_an_animations_format_follows_accept(site):
    asset = site.put_inspected(moving("gif"))
    for accept, form in (("image/avif,image/webp,*/*", "webp"), ("image/avif,*/*", "avif"),
                         ("*/*", "gif"), ("image/png", "gif")):
        answer = site.get(f"/i/{asset['id']}?w=20&auto=format", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == f"image/{form}", accept


def test_animations_have_limits(start_server):
    server = start_server({"render.frames_max": 2})
    asset = server.put_inspected(moving("gif"))
    problem = server.problem(server.get(f"/i/{asset['id']}?fm=webp"), 422, "LIMIT_EXCEEDED")
    assert problem["limit"] == "render.frames_max"
    assert server.get(f"/i/{asset['id']}?fm=jpg").status_code == 200


# ---- recipes ------------------------------------------------------------------------------------

def test_attention_finds_the_subject(site):
    picture = Image.new("RGB", (900, 300), (120, 128, 120))
    picture.paste(scene(120, 120), (720, 90))
    asset = site.put_inspected(encoded(picture, "png"))

    def seen(shown):
        pixels = numpy.asarray(shown.convert("RGB"), int)
        return (numpy.abs(pixels - (120, 128, 120)).max(axis=2) > 12).sum()

    for gravity in ("attention", "entropy"):
        cut = site.variant(asset, f"w=300&h=300&fit=cover&g={gravity}&fm=png")[1]
        assert seen(cut) > 0.97 * seen(picture), gravity


def test_a_watermark_is_another_asset(site, photo):
    mark = site.put_inspected(encoded(Image.new("RGB", (40, 20), "#f00"), "png"))
    said, picture = site.variant(photo, f"w=400&mark={mark['id']}&mark-w=50&mark-g=center&fm=png")
    assert is_near(color_at(picture.convert("RGB"), 0.5, 0.5), (255, 0, 0), 3)
    assert said["url"].count(mark["id"]) == 1
    site.problem(site.get(f"/asset/{photo['id']}/variant/mark={'a' * 26}&fm=png"), 404,
                 "ASSET_NOT_FOUND")


REC_709 = (0.2126, 0.7152, 0.0722, 0)

CHANGES = [
    ("gray", "tone=gray", lambda picture: picture.convert("L", REC_709).convert("RGB"), 3),
    ("turned", "rot=90", lambda picture: picture.transpose(Image.ROTATE_270), 3),
    ("mirrored", "flip=h", lambda picture: picture.transpose(Image.FLIP_LEFT_RIGHT), 3),
    ("upside down", "flip=v", lambda picture: picture.transpose(Image.FLIP_TOP_BOTTOM), 3),
    ("a part", "crop=50p:50p:50p:50p",
     lambda picture: picture.crop((400, 300, 800, 600)), 3),
    ("brighter", "bri=20",
     lambda picture: Image.fromarray(numpy.clip(numpy.asarray(picture, int) + 51, 0, 255)
                                     .astype("uint8")), 3),
    ("padded", "pad=10:20&bg=fff",
     lambda picture: padded(picture, 20, 10), 3),
]


def padded(picture, across, down):
    out = Image.new("RGB", (picture.width + 2 * across, picture.height + 2 * down), "white")
    out.paste(picture, (across, down))
    return out


@pytest.mark.parametrize("parameters, change, most", [row[1:] for row in CHANGES],
                         ids=[row[0] for row in CHANGES])
def test_a_change_is_what_its_name_says(site, photo, parameters, change, most):
    picture = site.variant(photo, f"{parameters}&fm=png")[1].convert("RGB")
    wanted = change(scene(800, 600))
    assert picture.size == wanted.size
    assert difference(picture, wanted) < most


def test_a_size_in_bytes_is_kept(site, photo):
    for form in ("jpg", "webp", "avif", "jxl", "png", "gif"):
        said = site.get(f"/asset/{photo['id']}/variant/max_bytes=9000",
                        params={"format": form}).json()
        assert said["bytes"] <= 9000, form
    site.problem(site.get(f"/asset/{photo['id']}/variant/max_bytes=120&fm=jpeg"), 422,
                 "LIMIT_EXCEEDED")


def test_lossless_is(site):
    original = cut_out(200, 150)
    asset = site.put_inspected(encoded(original, "png"))
    seen = numpy.asarray(original)[..., 3] > 0
    for form in ("webp", "jxl"):
        shown = numpy.asarray(site.variant(asset, f"lossless=1&fm={form}")[1])
        assert (shown[seen] == numpy.asarray(original)[seen]).all(), form


def test_what_makes_no_sense_is_refused_in_plain_words(site, photo):
    for parameters, detail in (("blur=-1&fm=png", "blur must be a number from 0 to 250"),
                               ("crop=900:0:10:10&fm=png", "crop lies outside of the picture"),
                               ("lossless=1&fm=jpeg", "JPEG cannot be"),
                               ("page=2&fm=png", "page must be 1 here, not 2."),
                               ("rot=90&rot=90&fm=png", "rot is given twice.")):
        problem = site.problem(site.get(f"/asset/{photo['id']}/variant/{parameters}"), 400,
                               "BAD_RECIPE")
        assert detail in problem["detail"], parameters


def test_two_ways_to_say_it_share_one_variant(site, photo):
    urls = {site.get(f"/asset/{photo['id']}/variant/{parameters}").json()["url"]
            for parameters in ("w=90&rot=180&flip=h&fm=webp", "flip=v&fm=webp&w=45&dpr=2",
                               "w=90,flip=v,blur=0,fm=webp,q=85")}
    assert len(urls) == 1
    assert re.search(r"/w=90&rot=180&flip=h\.[a-z2-7]{8}\.webp$", urls.pop())
