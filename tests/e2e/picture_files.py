# SPDX-License-Identifier: Apache-2.0
"""Pictures for the black-box tests: real ones of ../shared/corpus where that is there, and ones
made here by Pillow and by libvips' own command, which is also the judge of colours. What is
compared is
decoded pixels, so no test depends on how a codec writes its file."""

import io
import os
import subprocess
import tempfile
from pathlib import Path

import numpy
from PIL import Image

CHECKOUT = Path(__file__).resolve().parents[2]
CORPUS = CHECKOUT.parent / "shared/corpus"
HAS_CORPUS = CORPUS.is_dir()
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/avif": "avif",
           "image/gif": "gif", "image/jxl": "jxl"}


def corpus(pattern):
    """The corpus' files of a pattern, in order; none where there is no corpus."""
    return sorted(CORPUS.glob(pattern)) if HAS_CORPUS else []


def scene(width=400, height=300):
    """No two corners alike and no symmetry: it shows how it was turned, cut and coloured."""
    y, x = numpy.mgrid[0:height, 0:width]
    across, down = x / (width - 1), y / (height - 1)
    picture = numpy.dstack([40 + 150 * across, 50 + 140 * down, 170 - 90 * across * down])
    picture[(across < 0.25) & (down < 0.25)] = (200, 60, 60)
    picture[(across > 0.8) & (down < 0.2)] = (60, 170, 70)
    picture[(across - 0.3) ** 2 + (down - 0.7) ** 2 < 0.02] = (220, 210, 90)
    return Image.fromarray(picture.round().astype("uint8"))


def cut_out(width=400, height=300):
    """The scene with alpha: opaque on the left, half in the middle, nothing on the right."""
    picture = scene(width, height).convert("RGBA")
    alpha = numpy.zeros((height, width), "uint8")
    alpha[:, : width // 2] = 255
    alpha[:, width // 2: width * 3 // 4] = 128
    picture.putalpha(Image.fromarray(alpha))
    return picture


def encoded(picture, form, **options):
    """A Pillow picture as the bytes of a file."""
    if form == "avif":
        return converted(encoded(picture, "png"), "avif[Q=90]")
    out = io.BytesIO()
    picture.save(out, form, **({"quality": 95} if form in ("jpeg", "webp") else {}) | options)
    return out.getvalue()


def converted(content, ending, operation="copy", *arguments):
    """What libvips makes of a file: the ending may carry save options, as in `jpg[Q=90]`."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", f"{folder}/target.{ending}"
        source.write_bytes(content)
        subprocess.run(["vips", operation, source, target, *arguments], check=True,
                       capture_output=True, env=os.environ | {"VIPS_CONCURRENCY": "1"})
        return Path(target.split("[")[0]).read_bytes()


def decoded(content, media_type=None):
    """Any of our formats as a Pillow picture, RGB or RGBA."""
    if media_type in ("image/avif", "image/jxl") or content[4:12] == b"ftypavif":
        content = converted(content, "png")
    picture = Image.open(io.BytesIO(content))
    return picture.convert("RGBA" if "A" in picture.getbands() else "RGB")


def truth(content, width, height=10_000_000):
    """The upright sRGB reduction that libvips makes of a file, whatever it is. Colours go by the
    file's profile, relative to white and with black to black, as browsers and editors do it."""
    if b"ICC_PROFILE" in content or b"iCCP" in content[:4096]:
        content = converted(content, "png", "icc_transform", "srgb", "--embedded", "--intent",
                            "relative", "--black-point-compensation")
    return decoded(converted(content, "png", "thumbnail", str(width), "--height", str(height),
                             "--size", "down", "--export-profile", "srgb"))


def difference(first, second):
    """The mean absolute difference of two pictures of the same size, in 0 to 255. Where there is
    alpha, colours count as much as they are seen."""
    first, second = (numpy.asarray(each.convert("RGBA"), float) for each in (first, second))
    assert first.shape == second.shape, f"{first.shape} and {second.shape}"
    for each in (first, second):
        each[..., :3] *= each[..., 3:] / 255
    return float(numpy.abs(first - second).mean())


def color_difference(one, other):
    """As difference, of the three colours alone, whatever the alpha."""
    assert one.size == other.size
    return numpy.abs(numpy.asarray(one.convert("RGB"), float) -
                     numpy.asarray(other.convert("RGB"), float)).mean()


def fetched(site, target, **options):
    """The picture at a target, which is there."""
    answer = site.get(target, **options)
    assert answer.status_code == 200, (target, answer.text)
    return decoded(answer.content, answer.headers["Content-Type"])


def color_at(picture, across, down):
    """The mean colour of a few pixels around a place given in parts of the picture."""
    pixels = numpy.asarray(picture, float)
    y, x = round(down * (pixels.shape[0] - 1)), round(across * (pixels.shape[1] - 1))
    around = pixels[max(0, y - 2): y + 3, max(0, x - 2): x + 3]
    return tuple(around.reshape(-1, around.shape[-1]).mean(0))


def is_near(color, wanted, tolerance=12):
    return all(abs(one - other) <= tolerance for one, other in zip(color, wanted))
