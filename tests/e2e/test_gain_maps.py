# SPDX-License-Identifier: Apache-2.0
"""Ultra-HDR: the base picture is what is shown, and the map of how much brighter it may be shown
stays with JPEG and AVIF variants, over the same places. Pillow reads the two pictures of a JPEG; of
an AVIF the boxes are read here, and its map by bringing the AVIF in and asking for a JPEG."""

import io
import re
import struct

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


def iso_numbers(most=(7, 2), gamma=(1, 1), headroom=(7, 2)):
    return (bytes(4) + b"\x40" +
            struct.pack(">14I", 0, 1, *headroom, 0, 1, *most, *gamma, 1, 64, 1, 64))


def ultra_hdr(orientation=1, iso=None, xmp=DESCRIPTION, map_size=(200, 150)):
    """As a telephone writes it: the map is a quarter of the picture, and lies as it does."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    base = encoded(scene(800, 600), "jpeg", exif=exif)
    light = numpy.asarray(scene(*map_size).convert("L"))
    gain = encoded(Image.fromarray(light), "jpeg")
    if iso:
        gain = gain[:2] + segment(0xe2, ISO + iso) + gain[2:]
        return base[:2] + segment(0xe2, ISO + bytes(4)) + base[2:] + gain
    gain = gain[:2] + segment(0xe1, XMP + xmp) + gain[2:]
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


def boxes(content):
    at = 0
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at:at + 8])
        assert 8 <= length <= len(content) - at
        yield kind.decode(), content[at + 8:at + length]
        at += length


class AvifItems:
    """What an AVIF with a gain map is made of (ISO 23008-12); without one it has no `tmap`."""

    def __init__(self, content):
        file = dict(boxes(content))
        self.brands = [file["ftyp"][i:i + 4].decode() for i in range(0, len(file["ftyp"]), 4)]
        meta = dict(boxes(file["meta"][4:]))
        entries = [entry for _, entry in boxes(meta["iinf"][6:])]
        self.types = {entry[5]: entry[8:12].decode() for entry in entries}
        self.hidden = {entry[5] for entry in entries if entry[3] & 1}
        self.primary = meta["pitm"][5]
        self.references = list(boxes(meta["iref"][4:])) if "iref" in meta else []
        self.groups = list(boxes(meta["grpl"])) if "grpl" in meta else []
        self.properties = [kind for kind, _ in boxes(dict(boxes(meta["iprp"]))["ipco"])]
        self.contents = {}
        for i in range(meta["iloc"][7] if "tmap" in self.types.values() else 0):
            item, _, _, start, length = struct.unpack(">HHHII", meta["iloc"][8 + 14 * i:][:14])
            self.contents[item] = content[start:start + length]

    def gain_map(self):
        """The numbers of the map, and its own bytes."""
        [tone_mapped] = [item for item, kind in self.types.items() if kind == "tmap"]
        [derived] = [to for kind, to in self.references if kind == "dimg"]
        item, count, base, gain = struct.unpack(">4H", derived)
        assert (item, count, base) == (tone_mapped, 2, self.primary) and gain in self.hidden
        assert self.types[gain] == "av01" and "tmap" in self.brands
        [(kind, group)] = self.groups
        assert kind == "altr" and struct.unpack(">3I", group[8:]) == (2, tone_mapped, base)
        numbers = self.contents[tone_mapped]
        assert numbers[:6] == b"\0\0\0\0\0\x40" and len(numbers) == 62
        return struct.unpack(">14I", numbers[6:]), self.contents[gain]


def from_avif(site, content):
    """The AVIF's picture and map, by way of a JPEG."""
    asset = site.put_inspected(content)
    assert asset["media_type"] == "image/avif" and asset["has_gain_map"]
    return both(variant(site, asset, "fm=jpeg&q=95"))


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


@pytest.mark.parametrize("parameters, shape, most", [row[1:] for row in SHAPES],
                         ids=[row[0] for row in SHAPES])
def test_the_map_goes_into_avif_and_out_of_it(site, parameters, shape, most):
    asset = site.put_inspected(ultra_hdr())
    content = variant(site, asset, f"{parameters}&fm=avif")
    numbers, _ = AvifItems(content).gain_map()
    assert [numbers[i] / numbers[i + 1] for i in range(0, 14, 2)] == [
        0, 3.5, 0, 3.5, 1, 1 / 64, 1 / 64]
    base, gain, second = from_avif(site, content)
    assert difference(base, shape(scene(800, 600)).resize(base.size, Image.LANCZOS)) < most + 1
    wanted = shape(scene(800, 600)).convert("L").resize(gain.size, Image.LANCZOS)
    assert difference(gain.convert("RGB"), wanted.convert("RGB")) < most + 1
    assert abs(gain.width * 4 - base.width) <= 4
    assert b"<hdrgm:GainMapMax>3.5<" in second and second.count(ISO) == 1


@pytest.mark.parametrize("parameters", ["w=400&fm=avif&lossless=1", "w=400&fm=avif&meta=keep",
                                        "w=400&fm=avif&icc=p3"])
def test_avif_of_another_kind_carries_it_too(site, parameters):
    content = variant(site, site.put_inspected(ultra_hdr(iso=iso_numbers())), parameters)
    items = AvifItems(content)
    assert items.gain_map()[0] == (0, 1, 7, 2, 0, 1, 7, 2, 1, 1, 1, 64, 1, 64)
    assert ("Exif" in items.types.values()) == ("meta" in parameters)
    base, gain, _ = from_avif(site, content)
    wanted = scene(800, 600).resize(base.size, Image.LANCZOS)
    assert base.size == (400, 300) and difference(base, wanted) < 6
    assert gain.size == (100, 75)


def test_a_map_somewhat_larger_than_its_picture_becomes_as_large(site):
    content = variant(site, site.put_inspected(ultra_hdr(map_size=(1000, 750))), "w=400&fm=avif")
    base, gain, _ = from_avif(site, content)
    assert base.size == gain.size == (400, 300)
    assert difference(gain.convert("RGB"), base.convert("L").convert("RGB")) < 6


def test_from_avif_to_avif(site):
    first = variant(site, site.put_inspected(ultra_hdr()), "w=600&fm=avif")
    second = variant(site, site.put_inspected(first), "w=300&fm=avif")
    assert AvifItems(second).gain_map()[0] == AvifItems(first).gain_map()[0]
    base, gain, _ = from_avif(site, second)
    assert base.size == (300, 225) and gain.width == 75 and gain.height in (56, 57)


@pytest.mark.parametrize("orientation", [3, 6])
def test_the_map_in_avif_is_turned_upright_with_its_picture(site, orientation):
    asset = site.put_inspected(ultra_hdr(orientation))
    base, gain, _ = from_avif(site, variant(site, asset, "fm=avif"))
    assert base.size == ((600, 800) if orientation > 4 else (800, 600))
    assert difference(gain.convert("RGB"), base.convert("L").resize(gain.size).convert("RGB")) < 6


HOSTILE = [
    ("nothing but noughts", dict(iso=bytes(61))),
    ("nought below a gain", dict(iso=iso_numbers(most=(7, 0)))),
    ("no gamma", dict(iso=iso_numbers(gamma=(0, 1)))),
    ("a huge headroom", dict(iso=iso_numbers(headroom=(0xffffffff, 1)))),
    ("cut off", dict(iso=iso_numbers()[:40])),
    ("not a number", dict(xmp=DESCRIPTION.replace(b'Max="3.5"', b'Max="nan"'))),
    ("without end", dict(xmp=DESCRIPTION.replace(b'Max="3.5"', b'Max="1e999"'))),
    ("a broken packet", dict(xmp=DESCRIPTION[:-40])),
    ("a map far larger than its picture", dict(map_size=(1700, 1300))),
]


@pytest.mark.parametrize("made", [row[1] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_a_map_that_means_nothing_costs_only_itself(site, made):
    asset = site.put_inspected(ultra_hdr(**made))
    assert asset["has_gain_map"] == ("map_size" in made)
    jpeg = variant(site, asset, "w=400&fm=jpeg")
    assert b"MPF\0" not in jpeg
    wanted = scene(800, 600).resize((400, 300), Image.LANCZOS)
    assert difference(Image.open(io.BytesIO(jpeg)).convert("RGB"), wanted) < 4
    avif = variant(site, asset, "w=400&fm=avif")
    assert "tmap" not in AvifItems(avif).types.values()


def test_an_avif_whose_numbers_mean_nothing_is_its_picture(site):
    content = variant(site, site.put_inspected(ultra_hdr(iso=iso_numbers())), "w=400&fm=avif")
    numbers = b"\0" + iso_numbers()
    assert content.count(numbers) == 1
    brighter_base = numbers[:6] + struct.pack(">4I", 7, 2, 0, 1) + numbers[22:]
    for other in (b"\0" + bytes(61), b"\0" + iso_numbers(most=(7, 0)), b"\1" + numbers[1:],
                  b"\xff" * 62, brighter_base):
        asset = site.put_inspected(content.replace(numbers, other))
        assert not asset["has_gain_map"] and (asset["width"], asset["height"]) == (400, 300)
        picture = Image.open(io.BytesIO(variant(site, asset, "w=200&fm=jpeg")))
        assert difference(picture.convert("RGB"), scene(800, 600).resize((200, 150))) < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_map_is_turned_upright_with_its_picture(site, orientation):
    asset = site.put_inspected(ultra_hdr(orientation))
    base, gain, _ = both(variant(site, asset, "fm=jpeg"))
    assert base.size == ((600, 800) if orientation > 4 else (800, 600))
    assert difference(gain.convert("RGB"), base.convert("L").resize(gain.size).convert("RGB")) < 6


def test_a_map_that_iso_describes(site):
    asset = site.put_inspected(ultra_hdr(iso=iso_numbers()))
    assert asset["has_gain_map"]
    content = variant(site, asset, "w=400&fm=jpeg")
    assert both(content)[2].count(ISO) == 1 and content.count(ISO) == 2


@pytest.mark.parametrize("parameters", ["w=400&fm=webp", "w=400&fm=jxl", "w=400&tone=gray&fm=jpeg",
                                        "w=400&pad=10&fm=jpeg", "rot=10&fm=jpeg",
                                        "w=400&max_bytes=9000&fm=jpeg", "w=400&tone=gray&fm=avif",
                                        "w=400&pad=10&fm=avif", "w=400&max_bytes=9000&fm=avif"])
def test_what_cannot_carry_it_has_the_picture_alone(site, parameters):
    content = variant(site, site.put_inspected(ultra_hdr()), parameters)
    assert b"hdr-gain-map" not in content and b"MPF\0" not in content and b"tmap" not in content


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


@needs_corpus
def test_a_real_one_as_avif(site):
    original = (CORPUS / "formats/gain-map-hdr.jpg").read_bytes()
    content = variant(site, site.put_inspected(original), "w=1920&fm=avif")
    numbers, map_bytes = AvifItems(content).gain_map()
    assert numbers[2:4] == (6_643_860, 1_000_000)
    assert len(map_bytes) < len(content) / 4
    base, gain, _ = from_avif(site, content)
    true_base, true_gain, _ = both(original)
    assert base.size == (1920, 1080) and gain.size == (480, 270)
    assert difference(base, true_base.resize(base.size, Image.LANCZOS)) < 4
    assert difference(gain.convert("RGB"),
                      true_gain.resize(gain.size, Image.LANCZOS).convert("RGB")) < 3
