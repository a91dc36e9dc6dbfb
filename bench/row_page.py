# SPDX-License-Identifier: Apache-2.0
"""The page in Chromium, on a library of 100,000 assets against one of 100: how soon the first
pictures have their place on the wall, for visitors without a cache; and, for the large one, the
longest task while it is scrolled from end to end. The newest assets are real pictures; the others
are rows alone, filled in by catalog_bench."""

import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path

import numpy
from PIL import Image

from measure import Figure, alternate, note
from subject import Server

CHECKOUT = Path(__file__).resolve().parent.parent
PICTURES = 40  # more than a window shows


def measured(server, *arguments):
    said = subprocess.run(
        ["node", CHECKOUT / "web/tests/measure.mjs", arguments[0],
         f"http://127.0.0.1:{server.port}/", *map(str, arguments[1:])],
        check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(said.stdout)


def pictures(folder):
    folder.mkdir(parents=True, exist_ok=True)
    chance = numpy.random.default_rng(1)
    for number in range(PICTURES):
        path = folder / f"{number}.jpg"
        small = chance.integers(0, 255, (6, 8 + number % 5, 3), dtype=numpy.uint8)
        Image.fromarray(small).resize((1200, 900), Image.BICUBIC).save(path, quality=90)
        yield path


def library(bench, folder, name, assets):
    """A server on a filled catalog, and pictures on top, each asked for once."""
    subprocess.run([bench.tool("catalog_bench"), "fill", str(folder), name, str(assets)],
                   check=True)
    server = Server(bench.program, bench.folder / f"page-{name}",
                    {"catalog": f"sqlite:{folder / name}"})
    server.put_inspected(pictures(folder / "pictures"))
    measured(server, "paint", 2)
    return server


def paints(server, bench):
    """A second, by the median visit."""
    said = measured(server, "paint", 3 if bench.quick else 9)
    return 1000 / statistics.median(said["wall_ms"])


def run(bench):
    subprocess.run(["ninja", "-C", bench.build, "bin/catalog_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    folder = bench.folder / "page"
    shutil.rmtree(folder, ignore_errors=True)
    assets = 5_000 if bench.quick else 100_000
    note(f"page: filling a library of {assets:,} assets")
    with library(bench, folder, "large", assets) as large, \
            library(bench, folder, "small", 100 - PICTURES) as small:
        os.sync()
        ours, reference = alternate(bench.rounds(5), lambda _: paints(large, bench),
                                    lambda _: paints(small, bench))
        scrolled = [measured(large, "scroll") for _ in range(bench.rounds(3))]
    shutil.rmtree(folder, ignore_errors=True)
    if any(one["reached"] < assets for one in scrolled):
        raise SystemExit(f"bench: the wall ended early: {scrolled}")
    return [
        Figure("page-first-paint", f"first paint of the wall with {assets:,} assets", "1/s", ours,
               reference, "with 100", 0.8),
        Figure("page-scroll", f"longest task in a scroll through {assets:,}", "ms",
               [one["longest_ms"] for one in scrolled], [], "", 100, at_most=True,
               notes={"rounds": scrolled}),
    ]
