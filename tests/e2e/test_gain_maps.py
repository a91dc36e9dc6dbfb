# SPDX-License-Identifier: Apache-2.0
"""Ultra-HDR: the base picture is what is shown, and the map of how much brighter it may be shown
stays with JPEG variants, over the same places. Pillow reads the two pictures of a file."""

import io
import re

import numpy
import pytest
from picture_files import CORPUS, HAS_CORPUS, difference, encoded, scene
from PIL import Image, MpoImagePlugin

needs_corpus = pytest.mark.skipif(not HAS_CORPUS, reason="../shared/corpus is not there")

XMP = b"http://ns.adobe.com/xap/1.0/\0"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
DESCRIPTION = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
               b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
               b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
               b'hdrgm:GainMapMax="3.5" hdrgm:HDRCapacityMax="3.5"/></rdf:RDF></x:xmpmeta>')


def segment(marker, content):
    return b"\xff" + bytes([marker]) + (len(content) + 2).to_bytes(2, "big") + content


def ultra_hdr(orientation=1, by_iso=False):
    """As a telephone writes it: the map is a quarter of the picture, and lies as it does."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    base = encoded(scene(800, 600), "jpeg", exif=exif)
    light = numpy.asarray(scene(200, 150).convert("L"))
    gain = encoded(Image.fromarray(light), "jpeg")
    if by_iso:
        gain = gain[:2] + segment(0xe2, ISO + bytes(61)) + gain[2:]
        return base[:2] + segment(0xe2, ISO + bytes(4)) + base[2:] + gain
    gain = gain[:2] + segment(0xe1, XMP + DESCRIPTION) + gain[2:]
    return base[:2] + segment(0xe1, XMP + DESCRIPTION) + base[2:] + gain


def both(content):
    """The picture and its map, and that the file's directories say where the map is."""
    file = MpoImagePlugin.MpoImageFile(io.BytesIO(content))  # Image.open takes such for a JPEG
    assert file.n_frames == 2
    base = file.convert("RGB")
    file.seek(1)
    file.load()
    second = content.rindex(b"\xff\xd8\xff")
    gain = Image.open(io.BytesIO(content[second:]))
    assert content[second - 2:second] == b"\xff\xd9"
    length = re.search(rb'Item:Semantic="GainMap"[^>]*?Item:Length="(\d+)"', content, re.S)
    assert int(length[1]) == len(content) - second
    assert gain.mode == "L"
    return base, gain, content[second:]


def variant(site, asset, parameters):
    answer = site.get(site.get(f"/asset/{asset['id']}/variant/{parameters}").json()["url"])
    assert answer.status_code == 200, answer.text
    return answer.content


SHAPES = [
    ("smaller", "w=400", lambda p: p, 4),
    ("the thumbnail's size", "w=100", lambda p: p, 6),
    ("a part", "crop=200:150:400:300",
     lambda p: p.crop((p.width // 4, p.height // 4, p.width * 3 // 4, p.height * 3 // 4)), 4),
    ("cut square", "w=300&h=300&fit=cover&g=west",
     lambda p: p.crop((0, 0, p.height, p.height)), 4),
    ("mirrored", "flip=h&w=400", lambda p: p.transpose(Image.FLIP_LEFT_RIGHT), 4),
    ("turned", "rot=90&w=400", lambda p: p.transpose(Image.ROTATE_270), 4),
]


@pytest.mark.parametrize("parameters, shape, most", [row[1:] for row in SHAPES],
                         ids=[row[0] for row in SHAPES])
def test_the_map_shows_what_the_picture_shows(site, parameters, shape, most):
    asset = site.put_inspected(ultra_hdr())
    assert asset["has_gain_map"]
    base, gain, second = both(variant(site, asset, f"{parameters}&fm=jpeg"))
    assert difference(base, shape(scene(800, 600)).resize(base.size, Image.LANCZOS)) < most
    wanted = shape(scene(800, 600)).convert("L").resize(gain.size, Image.LANCZOS)
    assert difference(gain.convert("RGB"), wanted.convert("RGB")) < most
    assert abs(gain.width * 4 - base.width) <= 4
    assert b'hdrgm:GainMapMax="3.5"' in second


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_map_is_turned_upright_with_its_picture(site, orientation):
    asset = site.put_inspected(ultra_hdr(orientation))
    base, gain, _ = both(variant(site, asset, "fm=jpeg"))
    assert base.size == ((600, 800) if orientation > 4 else (800, 600))
    assert difference(gain.convert("RGB"), base.convert("L").resize(gain.size).convert("RGB")) < 6


def test_a_map_that_iso_describes(site):
    asset = site.put_inspected(ultra_hdr(by_iso=True))
    assert asset["has_gain_map"]
    content = variant(site, asset, "w=400&fm=jpeg")
    assert both(content)[2].count(ISO) == 1 and content.count(ISO) == 2


@pytest.mark.parametrize("parameters", ["w=400&fm=webp", "w=400&tone=gray&fm=jpeg",
                                        "w=400&pad=10&fm=jpeg", "rot=10&fm=jpeg",
                                        "w=400&max_bytes=9000&fm=jpeg"])
def test_what_cannot_carry_it_has_the_picture_alone(site, parameters):
    content = variant(site, site.put_inspected(ultra_hdr()), parameters)
    assert b"hdr-gain-map" not in content and b"MPF\0" not in content


def test_a_map_that_cannot_be_read_costs_only_itself(site):
    whole = ultra_hdr()
    second = whole.rindex(b"\xff\xd8\xff")
    asset = site.put_inspected(whole[:second + len(DESCRIPTION) + 400])
    picture = Image.open(io.BytesIO(variant(site, asset, "w=400&fm=jpeg")))
    assert picture.size == (400, 300)


@needs_corpus
def test_a_real_one(site):
    original = (CORPUS / "formats/gain-map-hdr.jpg").read_bytes()
    asset = site.put_inspected(original)
    assert asset["has_gain_map"] and (asset["width"], asset["height"]) == (3840, 2160)
    base, gain, second = both(variant(site, asset, "w=1920&meta=keep&fm=jpeg"))
    true_base, true_gain, _ = both(original)
    assert base.size == (1920, 1080) and gain.size == (480, 270)
    assert difference(gain.convert("RGB"),
                      true_gain.resize(gain.size, Image.LANCZOS).convert("RGB")) < 3
    assert b'hdrgm:GainMapMax="6.64386"' in second
    again = site.put_inspected(variant(site, asset, "w=1920&fm=jpeg"))
    assert again["has_gain_map"], "what we write is found by us"
    assert true_base.size == (3840, 2160)
