# SPDX-License-Identifier: Apache-2.0
"""Files that no picture can be made of: damaged images keep the decoder's reason, images past the
limits the limit's name, and everything else is an asset of its own type. All stay readable."""

import random
import struct
import zlib

import numpy
import pytest
from picture_files import CORPUS, HAS_CORPUS, encoded, scene
from PIL import Image

STACKS = ("embedded", "cluster")

needs_corpus = pytest.mark.skipif(not HAS_CORPUS, reason="../shared/corpus is not there")


def png_header(width, height):
    """A PNG that claims to be that large, and ends after its header."""
    whole = encoded(scene(8, 8), "png")
    chunk = b"IHDR" + struct.pack(">II", width, height) + whole[24:29]
    return whole[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + whole[33:]


def noisy(form):
    """Hardly compressible, so that half of the file is half of the picture."""
    noise = numpy.random.default_rng(7).integers(0, 255, (300, 400, 3), "uint8")
    return encoded(Image.fromarray(noise), form)


DAMAGED = [
    ("half a JPEG", lambda: noisy("jpeg")[:60_000], "NOT_RENDERABLE"),
    ("half a PNG", lambda: noisy("png")[:100_000], "NOT_RENDERABLE"),
    ("half a WebP", lambda: noisy("webp")[:30_000], "NOT_RENDERABLE"),
    ("half a GIF", lambda: noisy("gif")[:60_000], "NOT_RENDERABLE"),
    ("half a TIFF", lambda: noisy("tiff")[:100_000], "NOT_RENDERABLE"),
    ("half a BMP", lambda: noisy("bmp")[:100_000], "NOT_RENDERABLE"),
    ("a PDF without pages", lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
     "NOT_RENDERABLE"),
    ("a PNG of 60000 × 60000", lambda: png_header(60_000, 60_000), "LIMIT_EXCEEDED"),
]
BROKEN = [
    ("truncated.jpg", "NOT_RENDERABLE"), ("truncated.png", "NOT_RENDERABLE"),
    ("corrupt-header.jpg", "NOT_RENDERABLE"), ("giant-dimensions.jpg", "LIMIT_EXCEEDED"),
    ("65536-uint32-limit.png", "LIMIT_EXCEEDED"),
]


def check_failed(site, content, code):
    asset = site.put_settled(content)
    assert asset["state"] == "METADATA_FAILED"
    assert asset["failure"]["code"] == code and len(asset["failure"]["message"]) > 10
    problem = site.problem(site.get(f"/asset/{asset['id']}/variant/thumb"), 422, code)
    assert problem["detail"] == asset["failure"]["message"]
    if code == "LIMIT_EXCEEDED":
        assert problem["limit"] == "render.input_pixels_max"
    assert site.get(f"/v1/assets/{asset['id']}/original").content == content


@pytest.mark.parametrize("made, code", [row[1:] for row in DAMAGED],
                         ids=[row[0] for row in DAMAGED])
def test_a_damaged_image_is_kept_with_the_reason(site, made, code):
    check_failed(site, made(), code)


@needs_corpus
@pytest.mark.parametrize("name, code", BROKEN, ids=[row[0] for row in BROKEN])
def test_broken_files_of_the_corpus(site, name, code):
    check_failed(site, (CORPUS / "broken" / name).read_bytes(), code)


NO_PICTURES = [
    ("text", lambda: b"Only words.\n", "text/plain"),
    ("any bytes", lambda: random.Random(5).randbytes(3000), "application/octet-stream"),
]
OTHER_FILES = ["broken/invalid-illuminant.icc", "video/mpeg4.mp4", "video/phone-gps.mov"]


def check_not_renderable(site, content):
    asset = site.put_settled(content)
    assert asset["state"] == "METADATA_READY" and asset["renderable"] is False
    assert asset["urls"] == {} and asset["failure"] is None
    for target in ("/asset/{id}/variant/thumb", "/i/{id}?w=100"):
        site.problem(site.get(target.format(id=asset["id"])), 422, "NOT_RENDERABLE")
    assert site.get(f"/v1/assets/{asset['id']}/original").content == content
    return asset


@pytest.mark.parametrize("made, media_type", [row[1:] for row in NO_PICTURES],
                         ids=[row[0] for row in NO_PICTURES])
def test_what_is_no_picture_is_an_asset_of_its_type(site, made, media_type):
    assert check_not_renderable(site, made())["media_type"] == media_type


@needs_corpus
@pytest.mark.parametrize("name", OTHER_FILES)
def test_files_of_the_corpus_that_are_no_pictures(site, name):
    check_not_renderable(site, (CORPUS / name).read_bytes())


def test_the_file_name_does_not_decide_the_type(site):
    answer = site.post("/v1/assets?file_name=picture.txt", data=encoded(scene(320, 201), "png"),
                       headers={"Content-Type": "text/plain"})
    assert site.settled(answer.json()["id"])["media_type"] == "image/png"
