# SPDX-License-Identifier: Apache-2.0
"""Files that are small and claim to be huge, in every format that is read: each gets its code, in
time, leaves no picture behind, and the next file is served as if nothing had been."""

import io
import struct
import time

import pytest
from picture_files import CORPUS, HAS_CORPUS, converted, encoded, scene
from PIL import Image

LIMITED, REFUSED = "LIMIT_EXCEEDED", "NOT_RENDERABLE"
ENDED = LIMITED + " or " + REFUSED  # our time or the decoder's own count, whichever is first here


def little(value, length):
    return value.to_bytes(length, "little")


def big(value, length):
    return value.to_bytes(length, "big")


def patched(content, *changes):
    """With what stands at each place replaced; a place may be found by what is there."""
    content = bytearray(content)
    for place, value in changes:
        at = bytes(content).index(place) if isinstance(place, bytes) else place
        content[at:at + len(value)] = value
    return bytes(content)


def tiff_of(width, height, rows=1):
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1),
               (273, 4, 8), (277, 3, 1), (278, 4, rows), (279, 4, 100)]
    directory = little(len(entries), 2) + b"".join(
        little(tag, 2) + little(kind, 2) + little(1, 4) + little(value, 4)
        for tag, kind, value in entries) + little(0, 4)
    return b"II*\0" + little(8, 4) + directory + bytes(100)


def jp2_of(width, height):
    """The size in the codestream's SIZ, and in the header box."""
    whole = converted(encoded(scene(64, 64), "png"), "jp2")
    siz = whole.index(b"\xff\x51")
    box = whole.index(b"ihdr") + 4
    sides = struct.pack(">II", width, height)
    return patched(whole, (siz + 6, sides), (box, struct.pack(">II", height, width)))


def heif_of(ending, width, height):
    whole = converted(encoded(scene(64, 64), "png"), ending)
    at = whole.index(b"ispe") + 8
    return patched(whole, (at, struct.pack(">II", width, height)))


def gif_of(width, height, frames=1):
    """Frames of one colour in a few bytes each."""
    out = b"GIF89a" + little(width, 2) + little(height, 2) + b"\x80\0\0\0\0\0\xff\xff\xff"
    frame = (b"\x21\xf9\x04\0\x05\0\0\0" + b"\x2c\0\0\0\0" + little(width, 2) + little(height, 2) +
             b"\0\x02\x02\x4c\x01\0")
    return out + frame * frames + b"\x3b"


def webp_animation(side, frames):
    images = [Image.new("RGB", (side, side), (i % 256, 0, 0)) for i in range(frames)]
    out = io.BytesIO()
    images[0].save(out, "webp", save_all=True, append_images=images[1:], duration=40,
                   lossless=True, method=0)
    return out.getvalue()


def bmp_of(width, height):
    return patched(encoded(scene(2, 2), "bmp"), (18, little(width, 4) + little(height, 4)))


def psd_of(width, height, packed=b""):
    return (b"8BPS\0\1" + bytes(6) + big(3, 2) + big(height, 4) + big(width, 4) + big(8, 2) +
            big(3, 2) + bytes(12) + b"\0\1" + packed)


def icon_of(width, height):
    dib = patched(encoded(scene(2, 2), "bmp")[14:], (4, little(width, 4) + little(height * 2, 4)))
    return (b"\0\0\1\0" + little(1, 2) + bytes([16, 16, 0, 0]) + little(1, 2) + little(24, 2) +
            little(len(dib), 4) + little(22, 4) + dib)


def svg(inside, width=90, height=60, before=""):
    return (f'{before}<svg xmlns="http://www.w3.org/2000/svg" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" height="{height}">'
            f'{inside}</svg>').encode()


def laughs():
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    return svg("<text>&a11;</text>", before=f'<!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]>')


def uses():
    groups = "".join(f'<g id="u{i}">' + f'<use xlink:href="#u{i - 1}"/>' * 10 + "</g>"
                     for i in range(1, 20))
    return svg('<g id="u0"><rect width="9" height="9"/></g>' + groups)


def pdf_of(objects):
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body.encode())
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + (b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" %
                  (len(places) + 1, table))


def pdf_page(side, count=1, kids="3 0 R"):
    return pdf_of(["<</Type/Catalog/Pages 2 0 R>>",
                   f"<</Type/Pages/Kids[{kids}]/Count {count}>>",
                   f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {side} {side}]>>"])


def pdf_that_draws_itself():
    """A form that draws itself ten times, and so on."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
               "<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R"
               "/Resources<</XObject<</X 5 0 R>>>>>>",
               "<</Length 5>>stream\n/X Do\nendstream"]
    for level in range(5, 16):
        content = "/X Do " * 10
        objects.append(f"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Length {len(content)}"
                       f"/Resources<</XObject<</X {level + 1} 0 R>>>>>>stream\n{content}\n"
                       "endstream")
    objects.append("<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 12>>stream\n"
                   "0 0 5 5 re f\nendstream")
    return pdf_of(objects)


BOMBS = [
    ("GIF of 65535²", lambda: gif_of(65_535, 65_535), LIMITED),
    ("TIFF of 200000²", lambda: tiff_of(200_000, 200_000), LIMITED),
    ("TIFF of 4294967295 × 1", lambda: tiff_of(0xffffffff, 1), REFUSED),
    ("JPEG 2000 of 100000²", lambda: jp2_of(100_000, 100_000), LIMITED),
    ("AVIF of 60000²", lambda: heif_of("avif", 60_000, 60_000), LIMITED),
    ("BMP of 200000²", lambda: bmp_of(200_000, 200_000), LIMITED),
    ("BMP of −1 × −1", lambda: bmp_of(0x80000000, 0x80000000), REFUSED),
    ("PSD of 200000²", lambda: psd_of(200_000, 200_000), LIMITED),
    ("PSD of 14000²", lambda: psd_of(14_000, 14_000), REFUSED),
    ("ICO of 100000²", lambda: icon_of(100_000, 100_000), LIMITED),
    ("SVG of 9e9", lambda: svg("", "9e9", "9e9"), REFUSED),
    ("SVG of 30000²", lambda: svg("", 30_000, 30_000), LIMITED),
    ("SVG that laughs", laughs, REFUSED),
    ("SVG that uses", uses, ENDED),
    ("PDF page of 900000 points", lambda: pdf_page(900_000), LIMITED),
    ("PDF that draws itself", pdf_that_draws_itself, LIMITED),
]


@pytest.mark.parametrize("made, code", [row[1:] for row in BOMBS], ids=[row[0] for row in BOMBS])
def test_a_bomb_gets_its_code_and_costs_its_turn(start_server, made, code):
    server = start_server({"render.inspect_timeout": "4s", "render.processes": 1})
    content = made()
    assert len(content) < 300_000
    began = time.monotonic()
    asset = server.put_settled(content)
    took = time.monotonic() - began
    assert asset["state"] == "METADATA_FAILED", "it was read after all"
    assert asset["failure"]["code"] in code, asset["failure"]
    assert len(asset["failure"]["message"]) > 10
    assert took < 20
    problem = server.problem(server.get(f"/asset/{asset['id']}/variant/thumb"), 422,
                             asset["failure"]["code"])
    assert problem["detail"] == asset["failure"]["message"]
    kept = [path for path in (server.folder / "data").rglob("*") if path.is_file()
            and not path.name.startswith("catalog")]
    assert not [path for path in kept if "variant" in str(path) or "proof" in str(path)], kept
    after = server.put_inspected(encoded(scene(60, 40), "png"))
    assert server.variant(after, "w=30&fm=png")[1].size == (30, 20)


def test_many_frames_are_one_limit_and_a_still_of_them_is_served(start_server):
    server = start_server()
    for content, frames in ((gif_of(2_000, 2_000, 900), 900), (gif_of(16, 16, 1_500), 1_500)):
        asset = server.put_inspected(content)
        assert asset["pages"] == frames
        problem = server.problem(server.get(f"/i/{asset['id']}?fm=webp"), 422, "LIMIT_EXCEEDED")
        assert problem["limit"] == ("render.input_pixels_max" if frames == 900
                                    else "render.frames_max")
        assert server.get(f"/i/{asset['id']}?fm=jpg&w=40").status_code == 200
        assert server.get(f"/asset/{asset['id']}/variant/frame={frames}&w=40&fm=png"
                          ).status_code == 200


def test_what_an_animation_becomes_is_limited_too(start_server):
    server = start_server({"render.animation_pixels_max": 100_000})
    asset = server.put_inspected(webp_animation(200, 10))
    problem = server.problem(server.get(f"/i/{asset['id']}?fm=gif"), 422, "LIMIT_EXCEEDED")
    assert problem["limit"] == "render.animation_pixels_max"
    assert server.get(f"/i/{asset['id']}?fm=gif&w=50").status_code == 200


def test_pdfs_of_a_million_pages(start_server):
    server = start_server({"render.inspect_timeout": "10s"})
    asset = server.put_settled(pdf_page(200, 1_000_000))
    assert asset["failure"]["code"] == REFUSED, "it has one, and says a million"
    asset = server.put_settled(pdf_page(200, 1_000_000, "3 0 R " * 1_000_000))
    if asset["state"] == "METADATA_FAILED":
        assert asset["failure"]["code"] in (LIMITED, REFUSED)
    else:
        assert asset["pages"] == 1_000_000
        assert server.variant(asset, "page=1000000&w=50&fm=png")[1].size == (50, 50)
        server.problem(server.get(f"/asset/{asset['id']}/variant/page=1000001&w=50&fm=png"), 400,
                       "BAD_RECIPE")
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize("reference", ["file:///etc/passwd", "/etc/passwd", "http://127.0.0.1:1/a",
                                       "data:text/xml,<a/>", "ftp://127.0.0.1/a"])
def test_a_drawing_follows_no_reference(site, reference):
    inside = (f'<image width="90" height="60" xlink:href="{reference}"/>'
              f'<use xlink:href="{reference}#a"/>'
              f'<style>@import url("{reference}");rect{{fill:url("{reference}#b")}}</style>'
              f'<text y="40">&amp;x;</text>').replace("<a/>", "&lt;a/&gt;")
    before = f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{reference.replace("<a/>", "")}">]>'
    asset = site.put_settled(svg(inside, before=before))
    content = site.get(f"/v1/assets/{asset['id']}").text
    assert "root:" not in content
    if asset["state"] == "METADATA_FAILED":
        assert asset["failure"]["code"] == "NOT_RENDERABLE"
    else:
        picture = site.variant(asset, "fm=png")[1].convert("RGBA")
        assert picture.size == (90, 60)


@pytest.mark.skipif(not HAS_CORPUS, reason="../shared/corpus is not there")
def test_every_file_of_the_corpus_cut_short_gets_an_answer(site):
    for file in sorted((CORPUS / "formats").iterdir()):
        content = file.read_bytes()
        asset = site.put_settled(content[: len(content) // 3])
        if asset["state"] == "METADATA_FAILED":
            assert asset["failure"]["code"] in (LIMITED, REFUSED), file.name
        assert site.get("/healthz").status_code == 200, file.name
