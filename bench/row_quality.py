# SPDX-License-Identifier: Apache-2.0
"""The proof may not cost quality. The program's own renderers make each picture twice, from the
proof and from the original (bench/proof_quality.cpp). The two are scored against each
other, and each against a lossless reduction of the original, beside what libvips makes
at WebP quality 85."""

import json
import statistics
import subprocess

from measure import Figure, note
from pictures import photographs, scores
from row_render import reference_tasks, together, truths
from subject import TaskTool

WIDTHS = (160, 300, 320)
# The bounds that docs/benchmarks.md states. Between the two: what is left is mostly the encoder's
# own noise.
SCORE_MIN = 65.0
# Against the truth a picture from the proof may score this much less than from the original.
LOSS_MAX = 1.5


def run(bench):
    photos = photographs(bench.folder / "made", 5 if bench.quick else None)
    folder = bench.folder / "quality"
    folder.mkdir(exist_ok=True)
    output = subprocess.run(
        [bench.tool("proof_quality"), folder, ",".join(map(str, WIDTHS)), *photos],
        capture_output=True, text=True)
    if output.returncode != 0:
        raise SystemExit(f"bench: proof_quality failed: {output.stderr}")
    made = [json.loads(line) for line in output.stdout.splitlines()]
    used = [row for row in made if row["proof_used"]]
    if not used:
        raise SystemExit("bench: no picture was made from a proof")
    note(f"quality: {len(used)} of {len(made)} pictures are made from the proof")
    with TaskTool(bench.tool("libvips_reference"), "--threads", 2) as reference:
        reference.go(together(reference_tasks(photos, WIDTHS, "webp:85", folder)))
        truth = truths(bench, reference, photos, WIDTHS)
    return [figure for width in WIDTHS
            for figure in of_width(folder, truth, width,
                                   [row for row in used if row["width"] == width])]


def of_width(folder, truth, width, rows):
    if not rows:
        return []
    names = [f"{row['number']}-{width}" for row in rows]
    proofs = [folder / f"{name}-proof.webp" for name in names]
    originals = [folder / f"{name}-original.webp" for name in names]
    true = [truth / f"{name}.png" for name in names]
    each_other = scores(list(zip(originals, proofs)))
    from_proof = scores(list(zip(true, proofs)))
    from_original = scores(list(zip(true, originals)))
    libvips = scores(list(zip(true, [folder / name for name in names])))
    losses = [original - proof for original, proof in zip(from_original, from_proof)]
    notes = {
        "from_proof_against_from_original": dict(zip(names, each_other)),
        "against_truth": {
            side: {"min": min(values), "median": statistics.median(values)}
            for side, values in (("from_proof", from_proof), ("from_original", from_original),
                                 ("libvips_q85", libvips))},
        "bytes_from_proof": sum(row["bytes_from_proof"] for row in rows),
        "bytes_from_original": sum(row["bytes_from_original"] for row in rows),
    }
    return [
        Figure("quality", f"{width} wide, from the proof against from the original, lowest",
               "SSIMULACRA2", [min(each_other)], [],
               f"median {statistics.median(each_other):.1f} of {len(rows)}", SCORE_MIN,
               notes=notes),
        Figure("quality", f"{width} wide, points lost against the truth by the proof, most",
               "points", [max(losses)], [],
               f"median {statistics.median(losses):.2f}; scores {statistics.median(from_proof):.1f}"
               f" from the proof, {statistics.median(from_original):.1f} from the original, "
               f"{statistics.median(libvips):.1f} libvips", LOSS_MAX, at_most=True),
    ]
