# SPDX-License-Identifier: Apache-2.0
"""Near-duplicates: how fast fingerprints are compared with one, and which pictures the running
program finds to look the same. Each photograph comes in with versions of it that were resized,
recompressed, cropped by five per cent in seven ways, brightened and watermarked; of all pairs of
what came in, those of one photograph are to be found, and no other."""

import io
import itertools

from measure import Figure, note
from pictures import photographs
from subject import Server, run_json

FINGERPRINTS = 10_000_000


def run_scan(bench):
    count = FINGERPRINTS // 10 if bench.quick else FINGERPRINTS
    said = run_json(bench.tool("near_scan"), count, bench.rounds(9), core=0)
    if said["difference"]:
        raise SystemExit("bench: memcmp has not read to the end")
    paths = [name for name in ("avx512", "avx2", "anywhere") if name in said]
    note("near-scan: " + ", ".join(f"{name} {max(said[name]):.1f} GB/s" for name in paths))
    return [Figure("near-scan", f"{said['fingerprints']:,} fingerprints by {name}", "GB/s",
                   said[name], said["memcmp"], "memcmp of the same bytes",
                   0.5 if name == said["fastest"] else None) for name in paths]


def saved(picture, **options):
    out = io.BytesIO()
    picture.save(out, "jpeg", **{"quality": 85} | options)
    return out.getvalue()


def cut(picture, left=0.0, top=0.0, right=0.0, bottom=0.0):
    width, height = picture.size
    return picture.crop((round(left * width), round(top * height), round((1 - right) * width),
                         round((1 - bottom) * height)))


def watermarked(picture):
    from PIL import ImageDraw
    marked = picture.copy()
    width, height = marked.size
    ImageDraw.Draw(marked, "RGBA").rectangle(
        (width * 0.7, height * 0.85, width * 0.97, height * 0.95), fill=(255, 255, 255, 160))
    return marked


def edits_of(picture):
    from PIL import Image, ImageEnhance
    width, height = picture.size
    return {
        "resized to a half": saved(picture.resize((width // 2, height // 2), Image.LANCZOS)),
        "resized to 320": saved(picture.resize((320, 320 * height // width), Image.LANCZOS)),
        "recompressed": saved(picture, quality=25),
        "cropped at the left": saved(cut(picture, left=0.05)),
        "cropped at the right": saved(cut(picture, right=0.05)),
        "cropped at the top": saved(cut(picture, top=0.05)),
        "cropped at the bottom": saved(cut(picture, bottom=0.05)),
        "cropped at a corner": saved(cut(picture, left=0.05, bottom=0.05)),
        "cropped evenly": saved(cut(picture, 0.025, 0.025, 0.025, 0.025)),
        "cropped at each side": saved(cut(picture, 0.05, 0.05, 0.05, 0.05)),
        "brightened": saved(ImageEnhance.Brightness(picture).enhance(1.25)),
        "watermarked": saved(watermarked(picture)),
    }


def upright(path):
    from PIL import Image, ImageOps
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def bring_in(server, photos):
    """{asset id: (photograph, what was done to it)}"""
    known = {}
    for path in photos:
        contents = {"": path.read_bytes()} | edits_of(upright(path))
        for edit, content in contents.items():
            headers = {"Content-Type": "application/octet-stream"}
            said = server.json("POST", "/v1/assets", content, headers)
            known[said["id"]] = (path.name, edit)
        note(f"near-quality: {path.name}")
    for name in known:
        server.settled(name)
    return known


def found_pairs(server, known):
    pairs = set()
    for name in known:
        said = server.json("GET", f"/v1/search?near={name}&limit=1000")
        pairs |= {frozenset((name, other["id"])) for other in said["results"]}
    return pairs


def run_quality(bench):
    photos = photographs(bench.folder / "made", 4 if bench.quick else None)
    with Server(bench.program, bench.folder / "near") as server:
        known = bring_in(server, photos)
        found = found_pairs(server, known)
    originals = {name: photo for name, (photo, edit) in known.items() if not edit}
    edits = {frozenset((original, name)): known[name]
             for original, photo in originals.items()
             for name, (of, edit) in known.items() if edit and of == photo}
    every = {frozenset(pair) for pair in itertools.combinations(known, 2)}
    true = {pair for pair in every if len({known[name][0] for name in pair}) == 1}
    missed = sorted(edits[pair] for pair in edits.keys() - found)
    false = sorted(tuple(sorted(known[name] for name in pair)) for pair in found - true)
    share = 1 - len(missed) / len(edits)
    among = len(found & true) / len(true)
    note(f"near-quality: missed {missed}; false {false}; {among:.1%} of all true pairs")
    notes = {"missed": missed, "false": false, "of_all_true_pairs": among}
    return [
        Figure("near-quality", f"of {len(edits)} edited photographs, found", "of 1", [share], [],
               f"all {len(edits)}", 0.95, notes=notes),
        Figure("near-quality", f"of {len(every) - len(true):,} pairs that are none, found",
               "pairs", [len(false)], [], "none", 0, at_most=True),
    ]
