# SPDX-License-Identifier: Apache-2.0
"""The IIIF Image API 3.0 at level 2, through the real program: what comes out is compared with what
Pillow makes of the same request, and a whole picture is put together again from its tiles, as a
deep-zoom viewer does it."""

import base64
import hashlib
import hmac
import io
import re

import numpy
import pytest
import requests
from calotype_server import run_command
from picture_files import color_difference, corpus, decoded, encoded, fetched, scene
from PIL import Image, ImageOps

STACKS = ("embedded", "cluster")
KEY = "a key for signing"
LD_JSON = 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'


@pytest.fixture(scope="module")
def squares():
    """100 squares of 100 pixels, each of a colour of its own."""
    colors = numpy.random.default_rng(7).integers(20, 236, (10, 10, 3), dtype=numpy.uint8)
    return Image.fromarray(colors.repeat(100, axis=0).repeat(100, axis=1))


@pytest.fixture(scope="module")
def asset(site, squares):
    return site.put_inspected(encoded(squares, "png"))["id"]


@pytest.fixture(scope="module")
def base(asset):
    return f"/iiif/3/{asset}"


def test_the_description_is_complete_and_negotiated(site, asset, base):
    answer = site.get(base + "/info.json")
    info = answer.json()
    assert answer.headers["Content-Type"] == LD_JSON
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Vary"] == "Accept"
    assert next(iter(info)) == "@context"
    assert info["id"] == answer.url.removesuffix("/info.json") and info["type"] == "ImageService3"
    assert (info["profile"], info["width"], info["height"]) == ("level2", 1000, 1000)
    assert info["sizes"] == [{"width": 500, "height": 500}, {"width": 1000, "height": 1000}]
    assert info["tiles"] == [{"width": 512, "scaleFactors": [1, 2]}]
    assert info["maxWidth"] == info["maxHeight"] == 8192 and info["maxArea"] == 40_000_000
    assert info["extraQualities"] == ["color", "gray", "bitonal"]
    assert "preferredFormats" not in info
    for accept, kind in [("*/*", LD_JSON), ("application/ld+json", LD_JSON),
                         ("application/json", "application/json"), ("text/html", LD_JSON),
                         ("application/ld+json;q=0.5, application/json", "application/json"),
                         ("application/json;q=0.5, application/ld+json", LD_JSON)]:
        other = site.get(base + "/info.json", headers={"Accept": accept})
        assert other.headers["Content-Type"] == kind, accept
        assert other.json() | {"id": info["id"]} == info  # on a cluster another server answers
    again = requests.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=60)
    assert again.status_code == 304


def test_the_base_leads_to_the_description(site, base):
    answer = site.get(base, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == answer.url + "/info.json"


def test_what_clients_see_is_a_setting(start_server, squares):
    site = start_server({"http.public_url": "https://pictures.example/media"})
    base = "/iiif/3/" + site.put_inspected(encoded(squares, "png"))["id"]
    assert site.get(base + "/info.json").json()["id"] == "https://pictures.example/media" + base
    answer = site.get(base + "/full/10,/0/default.jpg")
    assert f"<https://pictures.example/media{base}/full/10,10/0/default.jpg>;rel=\"canonical\"" \
        in answer.headers["Link"]


@pytest.mark.parametrize("request_path, size", [
    ("full/max/0/default.png", (1000, 1000)), ("square/max/0/default.png", (1000, 1000)),
    ("full/500,/0/default.png", (500, 500)), ("full/,300/0/default.png", (300, 300)),
    ("full/500,300/0/default.png", (500, 300)), ("full/!500,300/0/default.png", (300, 300)),
    ("full/pct:45/0/default.png", (450, 450)), ("full/^1500,/0/default.png", (1500, 1500)),
    ("full/^pct:120/0/default.png", (1200, 1200)), ("full/^!1200,3000/0/default.png", (1200, 1200)),
    ("100,200,300,400/max/0/default.png", (300, 400)),
    ("900,900,300,300/max/0/default.png", (100, 100)),
    ("100,200,300,400/30,/0/default.png", (30, 40)),
    ("pct:10,20,30,40/max/0/default.png", (300, 400)),
    ("100,200,300,400/max/90/default.png", (400, 300)),
    ("100,200,300,400/max/180/default.png", (300, 400)),
    ("100,200,300,400/max/!270/default.png", (400, 300)),
    ("100,200,300,400/max/!0/default.png", (300, 400)),
])
def test_regions_sizes_and_rotations_are_exact(site, base, squares, request_path, size):
    region, _, rotation, _ = request_path.split("/")
    wanted = squares
    if numbers := re.fullmatch(r"(pct:)?(\d+),(\d+),(\d+),(\d+)", region):
        scale = 10 if numbers[1] else 1
        x, y, w, h = (int(numbers[i]) * scale for i in range(2, 6))
        wanted = squares.crop((x, y, min(1000, x + w), min(1000, y + h)))
    turned = int(rotation.lstrip("!"))
    upright = size if turned % 180 == 0 else size[::-1]
    wanted = wanted.resize(upright, Image.Resampling.LANCZOS)
    if rotation.startswith("!"):
        wanted = wanted.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    wanted = wanted.rotate(-turned, expand=True)
    made = fetched(site, f"{base}/{request_path}")
    assert made.size == size
    assert color_difference(made, wanted) < 1.5


@pytest.mark.parametrize("ending, kind", [("jpg", "image/jpeg"), ("png", "image/png"),
                                          ("webp", "image/webp"), ("gif", "image/gif"),
                                          ("avif", "image/avif"), ("jxl", "image/jxl")])
def test_formats(site, base, squares, ending, kind):
    answer = site.get(f"{base}/full/200,/0/default.{ending}")
    assert answer.headers["Content-Type"] == kind
    small = squares.resize((200, 200), Image.Resampling.LANCZOS)
    assert color_difference(decoded(answer.content, kind), small) < 8


def test_qualities(site, base, squares):
    gray = numpy.asarray(fetched(site, f"{base}/full/max/0/gray.png"))
    assert (gray[..., 0] == gray[..., 1]).all() and (gray[..., 1] == gray[..., 2]).all()
    assert len(numpy.unique(gray[..., 0])) > 20
    bitonal = numpy.asarray(fetched(site, f"{base}/full/max/0/bitonal.png"))
    assert set(numpy.unique(bitonal)) == {0, 255}
    assert color_difference(fetched(site, f"{base}/full/max/0/color.png"), squares) < 1


def test_corners_are_transparent_where_the_format_can(site, base):
    turned = fetched(site, f"{base}/full/200,/45/default.png")
    assert turned.size == (283, 283) and turned.getpixel((0, 0))[3] == 0
    assert fetched(site, f"{base}/full/200,/45/default.jpg").getpixel((0, 0)) == (255, 255, 255)


def test_links_name_the_profile_and_the_canonical_request(site, base):
    for _ in range(2):  # made, and hot
        link = site.get(f"{base}/pct:10,20,30,40/150,/!0.0/color.jpg").headers["Link"]
        assert link == ('<http://iiif.io/api/image/3/level2.json>;rel="profile", '
                        f'<{base}/100,200,300,400/150,200/!0/default.jpg>;rel="canonical"')


def test_requests_for_the_same_picture_share_one_variant(site, asset, base):
    first = site.get(f"{base}/full/321,/0/default.webp")
    assert first.headers["X-Cache"] == "MISS"
    for target in (f"{base}/full/321,321/0/color.webp", f"{base}/full/!321,900/360/default.webp",
                   f"{base}/0,0,2000,2000/pct:32.1/0/default.webp",
                   f"/i/{asset}?w=321&fm=webp"):
        other = site.get(target)
        assert other.headers["X-Cache"] == "HIT", target
        assert other.headers["ETag"] == first.headers["ETag"], target


@pytest.mark.parametrize("request_path", [
    "frob/max/0/default.jpg", "0,0,0,10/max/0/default.jpg", "1000,0,10,10/max/0/default.jpg",
    "full/full/0/default.jpg", "full/1001,/0/default.jpg", "full/pct:101/0/default.jpg",
    "full/!2000,3000/0/default.jpg", "full/^9000,/0/default.jpg", "full/0,/0/default.jpg",
    "full/max/361/default.jpg", "full/max/x/default.jpg", "full/max/0/sepia.jpg",
    "full/max/0/default.tif", "full/max/0/default"])
def test_what_the_specification_calls_an_error_is_400(site, base, request_path):
    site.problem(site.get(f"{base}/{request_path}"), 400, "BAD_RECIPE")


def test_pictures_that_are_not_here_are_404(site, base):
    for target in ("/iiif/3/nothing/info.json", "/iiif/3/a/b/full/max/0/default.jpg",
                   "/iiif/3/a%2Fb/full/max/0/default.jpg", "/iiif/3/" + "a" * 26 + "/info.json",
                   "/iiif/3/" + "a" * 26 + "/full/max/0/default.jpg", base + "/full/max/0"):
        assert site.get(target).status_code == 404, target


def test_a_browser_of_another_origin_may_ask(site, base):
    answer = requests.options(site.url + base + "/info.json",
                              headers={"Origin": "https://viewer.example"}, timeout=60)
    assert answer.status_code == 204 and "GET" in answer.headers["Access-Control-Allow-Methods"]
    image = site.get(base + "/full/10,/0/default.jpg", headers={"Origin": "https://viewer.example"})
    assert image.headers["Access-Control-Allow-Origin"] == "*"
    assert "Link" in image.headers["Access-Control-Expose-Headers"]


def from_tiles(site, base, info, factor):
    """The whole picture at 1/factor, from its tiles, as OpenSeadragon asks for them."""
    side = info["tiles"][0]["width"] * factor
    width, height = info["width"], info["height"]
    whole = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, side):
        for left in range(0, width, side):
            w, h = min(side, width - left), min(side, height - top)
            tile = fetched(site, f"{base}/{left},{top},{w},{h}/"
                                 f"{-(-w // factor)},{-(-h // factor)}/0/default.png")
            whole.paste(tile, (left // factor, top // factor))
    return whole


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_tiles_fit_together_at_every_level(site, form):
    original = scene(1900, 1300)
    stored = encoded(original, form)
    base = "/iiif/3/" + site.put_inspected(stored)["id"]
    info = site.get(base + "/info.json").json()
    assert info["tiles"][0]["scaleFactors"] == [1, 2, 4]
    for factor in info["tiles"][0]["scaleFactors"]:
        whole = from_tiles(site, base, info, factor)
        wanted = decoded(stored).resize(whole.size, Image.Resampling.LANCZOS)
        assert color_difference(whole, wanted) < 1.0, factor
        # Nor does a seam show: columns beside a tile's edge differ no more than the picture's own.
        seam = 512
        if whole.width > seam:
            made, real = numpy.asarray(whole, float), numpy.asarray(wanted, float)
            step = numpy.abs(made[:, seam] - made[:, seam - 1] - real[:, seam] + real[:, seam - 1])
            assert step.mean() < 2.5, factor


def test_a_turned_photograph_is_described_and_cut_upright(site):
    files = corpus("orientation/*-6.jpg")
    if not files:
        pytest.skip("needs the corpus")
    content = files[0].read_bytes()
    base = "/iiif/3/" + site.put_inspected(content)["id"]
    info = site.get(base + "/info.json").json()
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    assert (info["width"], info["height"]) == upright.size
    w, h = upright.width // 3, upright.height // 4
    made = fetched(site, f"{base}/{w},{h},{w},{h}/max/0/default.png")
    assert color_difference(made, upright.crop((w, h, 2 * w, 2 * h))) < 3


def signed(target):
    mark = hmac.new(KEY.encode(), target.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mark).decode().rstrip("=")


def test_one_signature_opens_all_of_a_picture(start_server, squares):
    site = start_server({"delivery.require_signature": "true", "delivery.signing_key": KEY})
    bare = "/iiif/3/" + site.put_inspected(encoded(squares, "png"))["id"]
    other = "/iiif/3/" + site.put_inspected(encoded(scene(), "png"))["id"]
    base = f"{bare}~{signed(bare)}"
    printed = run_command("sign", bare, environment={"CALOTYPE_DELIVERY_SIGNING_KEY": KEY})
    assert printed.stdout.strip() == base
    led = site.get(base)  # by the redirect
    assert led.json()["id"] + "/info.json" == led.url
    assert led.url.endswith(base + "/info.json")
    assert site.get(base + "/full/100,/0/default.jpg").status_code == 200
    image = bare + "/full/100,/0/default.jpg"
    assert site.get(f"{image}?s={signed(image)}").status_code == 200
    for target in (bare, bare + "/info.json", image, base[:-1] + "/info.json", bare + "~/info.json",
                   f"{other}~{signed(bare)}/info.json", f"{bare}~~{signed(bare)}/info.json"):
        site.problem(site.get(target, allow_redirects=False), 403, "BAD_SIGNATURE")


def test_ranges_conditions_and_head_are_those_of_every_picture(site, base):
    target = base + "/full/64,/0/default.png"
    whole = site.get(target)
    assert whole.headers["Cache-Control"].startswith("public, max-age=86400")
    part = site.get(target, headers={"Range": "bytes=0-9"})
    assert part.status_code == 206 and part.content == whole.content[:10]
    assert site.get(target, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    head = requests.head(site.url + target, timeout=60)
    assert head.status_code == 200 and head.headers["Link"] == whole.headers["Link"]
