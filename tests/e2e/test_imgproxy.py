# SPDX-License-Identifier: Apache-2.0
"""imgproxy's URLs through the real program, signed as its documentation does it."""

import base64
import hashlib
import hmac
import io
import time

import numpy
import pytest
from picture_files import color_difference, cut_out, decoded, encoded, fetched, scene
from PIL import Image

STACKS = ("embedded", "cluster")
KEY, SALT = bytes.fromhex("736563726574"), bytes.fromhex("68656C6C6F")
SIGNED = {"imgproxy.key": KEY.hex(), "imgproxy.salt": SALT.hex()}


def signature(path, key=KEY, salt=SALT, size=32):
    digest = hmac.new(key, msg=salt + path.encode(), digestmod=hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:size]).rstrip(b"=").decode()


def signed(path, **options):
    return f"/imgproxy/{signature(path, **options)}{path}"


def plain(asset, options, ending=""):
    return f"/imgproxy/unsafe/{options}/plain/asset://{asset}{ending}"


@pytest.fixture(scope="module")
def asset(site):
    return site.put_inspected(encoded(scene(800, 600), "jpeg"))["id"]


def test_the_documentations_own_signature_opens_a_url(start_server):
    """With its key and salt; only the source is one of ours, so that there is a picture."""
    path = "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png"
    assert signature(path) == "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8"
    site = start_server(SIGNED)
    site.problem(site.get(signed(path)), 404, "ASSET_NOT_FOUND")  # http://example.com/…
    asset = site.put_inspected(encoded(scene(800, 600), "jpeg"))["id"]
    source = base64.urlsafe_b64encode(f"local:///{asset}".encode()).decode().rstrip("=")
    path = f"/rs:fill:300:400:0/g:sm/{source[:16]}/{source[16:]}.png"
    for _ in range(3):  # made, stored, hot
        assert fetched(site, signed(path)).size == (300, 400)
        for wrong in (f"/imgproxy/unsafe{path}", signed(path)[:-4] + ".jpg",
                      signed(path, salt=b"x"), f"/imgproxy/{path}"):
            answer = site.get(wrong)
            assert answer.status_code in (403, 404), wrong
            assert answer.status_code == 403 or "//" in wrong


def test_several_keys_and_short_signatures(start_server):
    site = start_server({"imgproxy.key": "aabb," + KEY.hex(), "imgproxy.salt": "ccdd," + SALT.hex(),
                         "imgproxy.signature_size": "8"})
    asset = site.put_inspected(encoded(scene(80, 60), "png"))["id"]
    path = f"/w:20/plain/{asset}"
    for key, salt in ((KEY, SALT), (b"\xaa\xbb", b"\xcc\xdd")):
        assert site.get(signed(path, key=key, salt=salt, size=8)).status_code == 200
    site.problem(site.get(signed(path)), 403, "BAD_SIGNATURE")


def test_where_urls_must_be_signed_and_there_is_no_key_ours_counts(start_server):
    site = start_server({"delivery.require_signature": "true", "delivery.signing_key": "ours"})
    asset = site.put_inspected(encoded(scene(80, 60), "png"))["id"]
    target = plain(asset, "w:20")
    site.problem(site.get(target), 403, "BAD_SIGNATURE")
    mark = hmac.new(b"ours", target.encode(), hashlib.sha256).digest()
    ours = base64.urlsafe_b64encode(mark).decode().rstrip("=")
    assert site.get(f"{target}?s={ours}").status_code == 200


@pytest.mark.parametrize("options, size", [
    ("rs:fit:400:400", (400, 300)), ("rs:fill:400:400", (400, 400)),
    ("rs:force:100:200", (100, 200)), ("rs:fill:1000:1000", (800, 600)),
    ("rs:fill-down:1000:1000", (600, 600)), ("rs:fit:1000:1000:1", (1000, 750)),
    ("w:400/ex:1/h:400", (400, 400)), ("w:100/dpr:2", (200, 150)), ("z:0.5", (400, 300)),
    ("c:200:100", (200, 100)), ("rot:90", (600, 800)), ("rot:90/w:300", (300, 400)),
    ("w:100/pd:10:20", (140, 95)), ("w:200/pix:10/bl:1/sh:0.5", (200, 150)),
])
def test_sizes(site, asset, options, size):
    assert fetched(site, plain(asset, options, "@png")).size == size


def test_crops_and_gravities_show_the_right_part(site, asset):
    whole = decoded(encoded(scene(800, 600), "jpeg"))
    for options, wanted in (
            ("c:200:100:nowe", whole.crop((0, 0, 200, 100))),
            ("c:200:100:soea:10:20", whole.crop((590, 480, 790, 580))),
            ("c:0.5:0.5:fp:0.25:0.25", whole.crop((0, 0, 400, 300))),
            ("rs:fill:100:150/g:we", whole.crop((0, 0, 400, 600)).resize((100, 150))),
            ("rs:fill:100:150/g:ea:25", whole.crop((300, 0, 700, 600)).resize((100, 150))),
            ("rot:90/c:100:200:nowe", whole.rotate(-90, expand=True).crop((0, 0, 100, 200))),
            ("fl:1/rs:fill:100:150/g:we", whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
             .crop((0, 0, 400, 600)).resize((100, 150)))):
        assert color_difference(fetched(site, plain(asset, options, "@png")), wanted) < 3, options


def test_the_same_picture_is_the_same_variant_in_every_dialect(site, asset):
    first = site.get(f"/i/{asset}?w=222&h=111&fit=crop&crop=top&fm=webp")
    assert first.headers["X-Cache"] == "MISS"
    for target in (plain(asset, "rs:fill:222:111/g:no", "@webp"),
                   f"/cloudinary/image/upload/c_fill,g_north,h_111,w_222/v1/{asset}.webp",
                   f"/v/{asset}/w=222,h=111,fit=cover,g=north.webp"):
        other = site.get(target)
        assert other.headers["ETag"] == first.headers["ETag"], target
        assert other.headers["X-Cache"] == "HIT", target


def test_expired_urls_and_those_that_expire(site, asset):
    site.problem(site.get(plain(asset, "exp:1000000000")), 404, "ASSET_NOT_FOUND")
    soon = int(time.time()) + 3
    answer = site.get(plain(asset, f"w:30/exp:{soon}"))
    assert answer.status_code == 200
    assert int(answer.headers["Cache-Control"].split("max-age=")[1]) <= 3
    time.sleep(max(0, soon - time.time()) + 0.1)
    site.problem(site.get(plain(asset, f"w:30/exp:{soon}")), 404, "ASSET_NOT_FOUND")


def test_names_for_downloads(site, asset):
    answer = site.get(plain(asset, "w:40/fn:a%20b.jpg/att:1"))
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "a b.jpg" in answer.headers["Content-Disposition"]
    name = base64.urlsafe_b64encode("été.jpg".encode()).decode().rstrip("=")
    answer = site.get(plain(asset, f"w:40/fn:{name}:1"))
    assert answer.headers["Content-Disposition"].startswith("inline;")
    assert "%C3%A9t%C3%A9.jpg" in answer.headers["Content-Disposition"]


def test_originals_go_out_as_they_are(site, asset, start_server):
    content = encoded(scene(800, 600), "jpeg")
    assert site.get(plain(asset, "raw:1")).content == content
    assert site.get(plain(asset, "w:5/skp:jpg:png")).content == content
    assert site.get(plain(asset, "w:5/skp:png")).content != content
    assert site.get(plain(asset, "w:5/skp:jpg", "@webp")).headers["Content-Type"] == "image/webp"
    document = site.put(b"%PDF-nothing that can be read")["id"]
    assert site.get(plain(document, "raw:1")).content == b"%PDF-nothing that can be read"
    other = start_server()
    mine = other.put_inspected(content)["id"]
    other.post("/v1/keys", json={"name": "a", "scopes": ["admin"]})
    site.problem(other.get(plain(mine, "raw:1")), 401, "UNAUTHORIZED")  # no signature, no key
    assert other.get(plain(mine, "w:20")).status_code == 200


def test_watermark_presets_and_security_options(start_server):
    site = start_server()
    mark = site.put_inspected(encoded(cut_out(100, 50), "png"))["id"]
    asset = site.put_inspected(encoded(scene(800, 600), "jpeg"))["id"]
    site.problem(site.get(plain(asset, "wm:1")), 400, "BAD_RECIPE")
    site.stop()
    site.settings |= {"imgproxy.watermark": mark, "imgproxy.allow_security_options": "true",
                      "imgproxy.presets": "default=w:200,square=rs:fill:100:100/q:50"}
    site.start()
    bare = fetched(site, plain(asset, "f:png"))
    marked = fetched(site, plain(asset, "wm:1:nowe:10:10", "@png"))
    assert bare.size == marked.size == (200, 150)
    different = numpy.abs(numpy.asarray(bare, float) - numpy.asarray(marked, float)).sum(2) > 30
    assert different[10:60, 10:60].any() and not different[:, 120:].any()
    assert fetched(site, plain(asset, "pr:square", "@png")).size == (100, 100)
    assert fetched(site, plain(asset, "mrd:80", "@png")).size == (80, 60)
    site.problem(site.get(plain(asset, "msr:0.1")), 422, "LIMIT_EXCEEDED")


def test_metadata(site):
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x8298], exif[0x010F] = "(c) A. Painter", "a camera"
    scene(200, 100).save(out, "jpeg", quality=95, exif=exif)
    asset = site.put_inspected(out.getvalue())["id"]

    def tags(options):
        answer = site.get(plain(asset, options))
        return dict(Image.open(io.BytesIO(answer.content)).getexif())

    assert 0x8298 not in tags("w:50")
    assert tags("w:50/kcr:1")[0x8298] == "(c) A. Painter" and 0x010F not in tags("w:50/kcr:1")
    assert tags("w:50/sm:0")[0x010F] == "a camera"


def test_refusals_name_the_option(site, asset):
    for options, word in (("frob:1", "frob"), ("mrd:80", "allow_security_options"),
                          ("brightness:5", "imgproxy Pro"), ("w:x", "w must"),
                          ("g:obj:face", "obj")):
        problem = site.problem(site.get(plain(asset, options)), 400, "BAD_RECIPE")
        assert word in problem["detail"], options
    site.problem(site.get("/imgproxy/unsafe/w:5/plain/http://example.com/a.jpg"), 404,
                 "ASSET_NOT_FOUND")
    assert site.get("/imgproxy/unsafe").status_code == 404
