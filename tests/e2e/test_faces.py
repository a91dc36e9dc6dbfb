# SPDX-License-Identifier: Apache-2.0
"""Crops around faces: with a real detector of ../shared/models and real faces of ../shared/corpus,
where those are there; and what is said where no model is configured, or one that is none."""

import io

import pytest
from calotype_server import run_command
from picture_files import CORPUS, difference, encoded, scene
from PIL import Image, ImageOps

STACKS = ("embedded", "cluster")
MODELS = CORPUS.parent / "models"
MODEL = MODELS / "yunet_s_dynamic.onnx"
PORTRAIT = CORPUS / "photos/canon-eos-30d-4.jpg"
FAMILY = CORPUS / "formats/cmyk.jpg"
needs_model = pytest.mark.skipif(not (MODEL.exists() and PORTRAIT.exists() and FAMILY.exists()),
                                 reason="../shared/models or ../shared/corpus is not there")
CROP = "w=200&h=200&fit=cover&fm=png"


@pytest.fixture(scope="module")
def seeing(make_server, tmp_path_factory):
    """A server with the detector."""
    server = make_server(tmp_path_factory.mktemp("seeing"), {"models.faces": MODEL})
    server.start()
    yield server
    assert server.stop() == 0


def face(side):
    """The photograph's face, square."""
    with Image.open(PORTRAIT) as photo:
        photo.draft("RGB", (800, 800))
        photo = photo.convert("RGB")
    width, height = photo.size
    return photo.crop((0, int(height * 0.12), width, int(height * 0.12) + width)).resize(
        (side, side), Image.LANCZOS)


def hall(*faces, size=(1200, 400)):
    """Faces as (left, top, side) in front of a wall with a loud picture, which draws the eye."""
    picture = Image.new("RGB", size, (70, 74, 70))
    picture.paste(scene(260, 260), (size[0] // 2 - 130, 70))
    for left, top, side in faces:
        picture.paste(face(side), (left, top))
    return picture


def place_of(cut, whole, gravity):
    """Where in `whole`, scaled to the cut's height, it was cut: by the least difference."""
    scaled = whole.resize((round(whole.width * cut.height / whole.height), cut.height))
    lefts = range(scaled.width - cut.width + 1)
    return min(lefts, key=lambda left: difference(
        scaled.crop((left, 0, left + cut.width, cut.height)), cut)) / scaled.width, gravity


def cut_at(server, asset, whole, gravity, recipe=CROP):
    """The cut's middle, as a share of the width."""
    cut = server.variant(asset, f"{recipe}&g={gravity}")[1].convert("RGB")
    left, _ = place_of(cut, whole, gravity)
    return left + cut.width / (whole.width * cut.height / whole.height) / 2


# ---- with a model -------------------------------------------------------------------------------

@needs_model
@pytest.mark.parametrize("left", [20, 250, 930])
def test_a_face_is_kept_wherever_it_is(seeing, left):
    whole = hall((left, 100, 200))
    asset = seeing.put_inspected(encoded(whole, "jpeg", quality=92))
    middle = (left + 100) / 1200
    expected = min(max(middle, 200 / 1200), 1000 / 1200)
    for gravity in ("faces", "face"):
        assert cut_at(seeing, asset, whole, gravity) == pytest.approx(expected, abs=0.02), gravity
    assert abs(cut_at(seeing, asset, whole, "attention") - expected) > 0.1, "or nothing is shown"


@needs_model
def test_every_size_is_cut_alike(seeing):
    whole = hall((900, 120, 150))
    asset = seeing.put_inspected(encoded(whole, "jpeg", quality=92))
    for side in (48, 150, 390):  # from the proof, and from the original
        recipe = f"w={side}&h={side}&fit=cover&fm=png"
        assert cut_at(seeing, asset, whole, "faces", recipe) == pytest.approx(975 / 1200, abs=0.02)


@needs_model
def test_all_faces_or_the_largest(seeing):
    whole = hall((760, 120, 150), (980, 140, 110), size=(1600, 400))
    asset = seeing.put_inspected(encoded(whole, "jpeg", quality=92))
    assert cut_at(seeing, asset, whole, "faces") == pytest.approx((760 + 1090) / 3200, abs=0.02)
    assert cut_at(seeing, asset, whole, "face") == pytest.approx(835 / 1600, abs=0.02)


@needs_model
def test_what_is_done_without_a_face(seeing):
    whole = hall()
    whole.paste(scene(120, 120), (20, 60))
    asset = seeing.put_inspected(encoded(whole, "jpeg", quality=92))

    def bytes_of(gravity):
        return seeing.get(seeing.variant(asset, f"{CROP}&g={gravity}")[0]["url"]).content

    assert bytes_of("faces") == bytes_of("attention") == bytes_of("face:attention")
    assert bytes_of("faces:entropy") == bytes_of("entropy")
    assert bytes_of("faces:center") == bytes_of("center")
    assert bytes_of("face:west") == bytes_of("west")


@needs_model
def test_of_a_part_of_a_turned_picture(seeing):
    """A region, an orientation of EXIF, and alpha: what is looked at is what is cut."""
    whole = hall((60, 100, 180), (900, 100, 180))
    asset = seeing.put_inspected(encoded(whole, "png"))
    right = whole.crop((600, 0, 1200, 400))
    assert cut_at(seeing, asset, right, "faces", f"crop=600:0:600:400&{CROP}") == pytest.approx(
        390 / 600, abs=0.03)
    whole = hall((930, 100, 200))
    turned = whole.transpose(Image.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    asset = seeing.put_inspected(encoded(turned, "jpeg", quality=92, exif=exif))
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(turned, "jpeg", exif=exif))))
    assert shown.size == whole.size
    assert cut_at(seeing, asset, whole, "faces") == pytest.approx(1000 / 1200, abs=0.02)
    clear = whole.convert("RGBA")
    clear.putalpha(Image.new("L", whole.size, 254))
    asset = seeing.put_inspected(encoded(clear, "png"))
    assert cut_at(seeing, asset, whole, "faces") == pytest.approx(1000 / 1200, abs=0.02)


@needs_model
def test_real_photographs(seeing):
    """The child in its push-chair, of CMYK; the woman's eyes, in a slice of her portrait."""
    asset = seeing.put_inspected(FAMILY.read_bytes())
    cut = seeing.variant(asset, "w=100&h=333&fit=cover&g=face&fm=png")[1].convert("RGB")
    whole = seeing.variant(asset, "fm=png")[1].convert("RGB")
    left, _ = place_of(cut, whole, "face")
    assert left * 500 < 320 and left * 500 + 100 > 340, "her face is about (330, 185) of 500 × 333"
    asset = seeing.put_inspected(PORTRAIT.read_bytes())
    cut = seeing.variant(asset, "w=600&h=450&fit=cover&g=faces&fm=png")[1].convert("RGB")
    tall = seeing.variant(asset, "w=600&fm=png")[1].convert("RGB")
    top = min(range(tall.height - 450), key=lambda y: difference(
        tall.crop((0, y, 600, y + 450)).resize((60, 45)), cut.resize((60, 45))))
    assert 180 < top + 225 < 720, "her eyes and mouth are within"


@needs_model
def test_dialects_say_it_in_their_words(seeing):
    whole = hall((930, 100, 200))
    asset = seeing.put_inspected(encoded(whole, "jpeg", quality=92))["id"]
    native = seeing.get(f"/asset/{asset}/variant/w=200&h=200&fit=cover&g=faces:center&fm=jpg")
    wanted = seeing.get(native.json()["url"]).content
    assert seeing.get(f"/i/{asset}?w=200&h=200&fit=crop&crop=faces&fm=jpg").content == wanted
    cloudinary = f"/cloudinary/image/upload/c_fill,w_200,h_200,g_faces/{asset}.jpg"
    assert seeing.get(cloudinary).content == wanted
    refused = seeing.get(f"/imgproxy/unsafe/rs:fill:200:200/g:obj:face/plain/{asset}@jpg")
    seeing.problem(refused, 400, "BAD_RECIPE")


@needs_model
def test_another_model_is_another_version(seeing, start_server, tmp_path):
    """Faces' crops get other URLs, and nothing else does."""
    whole = encoded(hall((930, 100, 200)), "jpeg", quality=92)
    model = tmp_path / "other.onnx"
    # A field that nobody reads (the model's own text) makes other bytes of the same network.
    model.write_bytes(MODEL.read_bytes() + b"\x32\x05other")
    other = start_server({"models.faces": model})
    for gravity, is_same in (("faces", False), ("attention", True)):
        urls = [server.variant(server.put_inspected(whole), f"{CROP}&g={gravity}")[0]["url"]
                for server in (seeing, other)]
        assert (urls[0] == urls[1]) == is_same, gravity
    stale = seeing.get(urls[0].replace("attention", "faces"), allow_redirects=False)
    assert stale.status_code in (302, 307, 308)


# ---- without one --------------------------------------------------------------------------------

def test_without_a_model_it_is_refused_and_says_what_to_set(site):
    asset = site.put_inspected(encoded(scene(600, 200), "jpeg"))["id"]
    for target in (f"/asset/{asset}/variant/w=90&h=90&fit=cover&g=faces&fm=png",
                   f"/asset/{asset}/variant/w=90&h=90&fit=cover&g=face:center&fm=png",
                   f"/i/{asset}?w=90&h=90&fit=crop&crop=faces,entropy",
                   f"/cloudinary/image/upload/c_fill,w_90,h_90,g_face/{asset}.jpg"):
        problem = site.problem(site.get(target), 400, "BAD_RECIPE")
        assert "models.faces" in problem["detail"], problem
    # Where nothing is cut, nobody looks for anything.
    assert site.get(f"/asset/{asset}/variant/w=90&g=faces&fm=png").status_code == 200


def refused_start(folder, *settings):
    """What the server that does not start says."""
    options = [word for setting in settings for word in ("--set", setting)]
    done = run_command("serve", "--listen", "127.0.0.1:0", "--data", folder / "data", *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.embedded_only("it is about starting")
@pytest.mark.parametrize("content, says", [
    (None, "No such file"), (b"", "the file is empty"),
    (b"not a model\n" * 100, "it is no model that ONNX Runtime reads"),
    (bytes(range(256)) * 64, "it is no model that ONNX Runtime reads"),
], ids=["missing", "empty", "text", "noise"])
def test_a_file_that_is_no_model_is_refused_at_the_start(stack, tmp_path, content, says):
    path = tmp_path / "faces.onnx"
    if content is not None:
        path.write_bytes(content)
    said = refused_start(tmp_path, f"models.faces={path}")
    assert "models.faces" in said and says in said, said


@needs_model
@pytest.mark.embedded_only("it is about starting")
def test_another_kind_of_model_is_told_which_tensor_it_lacks(stack, tmp_path):
    said = refused_start(tmp_path, f"models.faces={MODELS / 'mobilenet_v2_224.onnx'}")
    assert "models.faces cannot be used: it gives no tensor cls_8" in said, said
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes(MODEL.read_bytes()[:100_000])
    assert "models.faces cannot be used" in refused_start(tmp_path, f"models.faces={truncated}")


@pytest.mark.embedded_only("it is about starting")
def test_a_preset_that_finds_faces_needs_a_model(stack, tmp_path):
    said = refused_start(tmp_path, "presets.avatar=w=96&h=96&fit=cover&g=face&fm=webp")
    assert "The preset “avatar” finds faces: set models.faces" in said, said
