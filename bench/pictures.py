# SPDX-License-Identifier: Apache-2.0
"""The photographs that are measured with, and how alike two pictures look."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from PIL import Image

from measure import note

CHECKOUT = Path(__file__).resolve().parent.parent


def photographs(folder, count=None):
    """Real ones where ../shared/corpus is there; otherwise pictures made here. Says which."""
    corpus = sorted((CHECKOUT.parent / "shared/corpus/photos").glob("*.jpg"))
    if corpus:
        chosen = corpus[:count] if count else corpus
        note(f"{len(chosen)} photographs of ../shared/corpus/photos")
        return chosen
    chosen = [made(folder, seed) for seed in range(count or 8)]
    note(f"../shared/corpus is not there: {len(chosen)} pictures made here, 12 megapixels each")
    return chosen


def made(folder, seed):
    """A picture with a photograph's statistics: amplitude falling with frequency, some edges, and a
    sensor's grain."""
    path = Path(folder) / f"made-{seed}.jpg"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(seed)
    width, height = 4000, 3000
    picture = numpy.zeros((height, width, 3), numpy.float32)
    for octave in range(2, 11):
        shape = (3 * 2**octave // 4 + 1, 2**octave + 1)
        for band in range(3):
            noise = Image.fromarray(random.normal(0, 90 / octave**1.4, shape).astype("float32"))
            picture[..., band] += numpy.asarray(noise.resize((width, height), Image.BICUBIC))
    for _ in range(40):
        top, left = random.integers(0, height - 200), random.integers(0, width - 200)
        tall, wide = random.integers(40, 900, 2)
        picture[top:top + tall, left:left + wide] += random.normal(0, 35, 3)
    picture += 120 + random.normal(0, 2.5, picture.shape).astype("float32")
    Image.fromarray(picture.clip(0, 255).astype("uint8")).save(path, quality=93)
    return path


def as_png(path):
    """ssimulacra2 reads PNG: decodes whatever it is, beside the file."""
    path = Path(path)
    if path.suffix == ".png":
        return path
    target = path.with_name(path.name + ".png")
    Image.open(path).convert("RGB").save(target, compress_level=1)
    return target


def score(reference, picture):
    """SSIMULACRA2: 100 is the same, 90 cannot be told apart, 70 is high quality, 50 medium."""
    output = subprocess.run(["ssimulacra2", str(as_png(reference)), str(as_png(picture))],
                            capture_output=True, text=True, check=True).stdout
    return float(re.search(r"-?\d+\.\d+", output)[0])


def scores(pairs):
    """The scores of many pairs (reference, picture), two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda pair: score(*pair), pairs))
