# SPDX-License-Identifier: Apache-2.0
"""First requests of pictures that do not exist yet, through HTTP, against libvips in a warm process
that does the same work from the originals without any server. Every round starts the program on an
empty data folder, uploads the photographs and waits for their inspection; only then the clock
runs. Bytes and looks are held against the reference's too: both are scored by SSIMULACRA2 against
a lossless reduction of the original."""

import os
import shutil
import statistics

from measure import Figure, note
from pictures import photographs, scores
from subject import Server, TaskTool

WIDTHS = (160, 320, 640, 960, 1280)
BYTES_RATIO_MAX = 1.05
# How much lower than the reference's a score may be: in the median of a row, and for one picture.
# A quick first encode (WebP method 2) costs about one point beside libwebp's default effort.
SCORE_LOSS_MEDIAN_MAX = 1.5
SCORE_LOSS_ONE_MAX = 6.0


def reference_tasks(photos, widths, kind, folder):
    """A group a photograph; outputs kept in `folder`, if one is given."""
    return [[(photo, width, kind, folder / f"{index}-{width}" if folder else "-")
             for width in widths] for index, photo in enumerate(photos)]


def together(groups):
    """One group of all: as many at a time as there are workers, no waiting in between."""
    return [[task for group in groups for task in group]]


def truths(bench, reference, photos, widths):
    folder = bench.folder / "truth"
    folder.mkdir(exist_ok=True)
    tasks = [(photo, width, "truth", folder / f"{index}-{width}.png")
             for index, photo in enumerate(photos) for width in widths]
    reference.go([[task for task in tasks if not os.path.exists(task[3])] or tasks[:1]])
    return folder


def fetch(server, bench, groups, connections):
    """Asks for everything, checks that nothing was there already, returns the tool's answer."""
    before = server.metric("variant_requests_total", result="miss")
    with TaskTool(bench.tool("fetch_client"), server.port, connections) as client:
        answer = client.go(groups)
    misses = server.metric("variant_requests_total", result="miss") - before
    if misses != answer["tasks"]:
        raise SystemExit(f"bench: {answer['tasks']} first requests, but {misses} misses")
    return answer


def looks(bench, reference, photos, widths, ours, theirs):
    """Scores of both sides against the truth; the note that goes into the report."""
    truth = truths(bench, reference, photos, widths)
    names = [f"{index}-{width}" for index in range(len(photos)) for width in widths]
    pairs = [(truth / f"{name}.png", folder / name) for folder in (ours, theirs) for name in names]
    values = scores(pairs)
    our_scores, their_scores = values[:len(names)], values[len(names):]
    losses = [theirs - ours for ours, theirs in zip(our_scores, their_scores)]
    return {
        "ours": {"min": min(our_scores), "median": statistics.median(our_scores)},
        "reference": {"min": min(their_scores), "median": statistics.median(their_scores)},
        "loss": {"max": max(losses), "median": statistics.median(losses)},
        "each": dict(zip(names, zip(our_scores, their_scores))),
    }


def measure(bench, name, photos, widths, ours_groups, order, connections):
    """The rounds of one row; ours_groups(assets, folder) makes the client's tasks."""
    kept = {side: bench.folder / f"{name}-{side}" for side in ("ours", "reference")}
    for folder in kept.values():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    rates, sizes = {"ours": [], "reference": []}, {}
    with TaskTool(bench.tool("libvips_reference"), "--threads", 2) as reference:
        reference.go(together(reference_tasks(photos[:2], widths, "webp:85", None)))  # warms up

        def run_ours(first):
            with Server(bench.program, bench.folder / name) as server:
                assets = server.put_inspected(photos)
                server.idle()
                folder = kept["ours"] if first else None
                answer = fetch(server, bench, order(ours_groups(assets, folder)), connections)
            return answer

        def run_reference(first):
            folder = kept["reference"] if first else None
            return reference.go(order(reference_tasks(photos, widths, "webp:85", folder)))

        sides = [("ours", run_ours), ("reference", run_reference)]
        for number in range(bench.rounds(7)):
            for side, run in sides if number % 2 == 0 else reversed(sides):
                answer = run(number == 0)
                rates[side].append(len(photos) / answer["seconds"])
                sizes[side] = answer["bytes"]
            note(f"{name}: round {number + 1}: {rates['ours'][-1]:.1f} photographs/s against "
                 f"{rates['reference'][-1]:.1f}")
        seen = looks(bench, reference, photos, widths, kept["ours"], kept["reference"])
    return rates, sizes, seen


def figures(name, what, bound, rates, sizes, seen):
    bytes_ratio = sizes["ours"] / sizes["reference"]
    loss = seen["loss"]
    return [
        Figure(name, what, "photographs/s", rates["ours"], rates["reference"],
               "libvips, warm, from the original", bound,
               notes={"bytes": sizes, "ssimulacra2_against_truth": seen}),
        Figure(name, "… its bytes against the reference's", "×", [bytes_ratio], [],
               f"{sizes['reference']:,} bytes", BYTES_RATIO_MAX, at_most=True),
        Figure(name, "… SSIMULACRA2 below the reference's, median", "points", [loss["median"]],
               [],
               f"{seen['reference']['median']:.1f} (ours {seen['ours']['median']:.1f})",
               SCORE_LOSS_MEDIAN_MAX, at_most=True),
        Figure(name, "… the same, the worst picture", "points", [loss["max"]], [],
               f"lowest {seen['reference']['min']:.1f} (ours {seen['ours']['min']:.1f})",
               SCORE_LOSS_ONE_MAX, at_most=True),
    ]


def run_first_thumb(bench):
    photos = photographs(bench.folder / "made", 6 if bench.quick else None)

    def groups(assets, folder):
        return [[(asset["urls"]["thumb"], folder / f"{index}-300" if folder else "-")]
                for index, asset in enumerate(assets)]

    measured = measure(bench, "first-thumb", photos, (300,), groups, together, 2)
    return figures("first-thumb", "first request of `thumb`, two at a time", 4.0, *measured)


def run_widths(bench):
    photos = photographs(bench.folder / "made", 4 if bench.quick else None)

    def groups(assets, folder):
        return [[(f"/i/{asset['id']}?w={width}&fm=webp&q=85",
                  folder / f"{index}-{width}" if folder else "-") for width in WIDTHS]
                for index, asset in enumerate(assets)]

    measured = measure(bench, "widths", photos, WIDTHS, groups, list, len(WIDTHS))
    return figures("widths", "five widths of each photograph, asked together", 2.0, *measured)
