# SPDX-License-Identifier: Apache-2.0
"""`calotype import` of 20,000 files of 200 KB against what one would do by hand: each file copied
and flushed to the disk, then `sha256sum` over all of them. Both read from the page cache; every
round has new contents, new folders and a new server."""

import os
import random
import shutil
import subprocess
import time

from measure import Figure, alternate, note
from subject import Server

FILE_BYTES = 200_000


def make_library(folder, count, seed):
    """Distinct contents, in folders of a hundred."""
    block = random.Random(seed).randbytes(FILE_BYTES)
    for number in range(count):
        path = folder / f"{number // 100:03}"
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{number:05}.jpg").write_bytes(number.to_bytes(8, "big") + block[8:])
    os.sync()


def copy_flushed(source, target):
    """`cp` with an fsync of each file, and of each folder at its end."""
    for folder in sorted(path for path in source.iterdir()):
        into = target / folder.name
        into.mkdir(parents=True)
        for path in sorted(folder.iterdir()):
            with open(path, "rb") as read, open(into / path.name, "wb") as written:
                os.sendfile(written.fileno(), read.fileno(), 0, FILE_BYTES)
                os.fsync(written.fileno())
        handle = os.open(into, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def run(bench):
    count = 1_000 if bench.quick else 20_000
    root = bench.folder / "import"
    shutil.rmtree(root, ignore_errors=True)
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith("CALOTYPE_")}

    def library(number, side):
        folder = root / f"library-{number}-{side}"
        make_library(folder, count, number)
        return folder

    def ours(number):
        folder = library(number, "ours")
        with Server(bench.program, root / f"server-{number}", keep=True) as server:
            began = time.perf_counter()
            done = subprocess.run(
                [str(bench.program), "import", str(folder), "--server",
                 f"http://127.0.0.1:{server.port}", "--journal", str(root / f"journal-{number}")],
                env=environment, capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - began
            if done.returncode:
                raise SystemExit(f"bench: {done.stdout}{done.stderr}")
        note(f"import: round {number + 1}: {seconds:.1f} s")
        return count / seconds

    def reference(number):
        folder = library(number, "reference")
        began = time.perf_counter()
        copy_flushed(folder, root / f"copy-{number}")
        names = "\0".join(str(path) for path in sorted(folder.rglob("*.jpg"))).encode()
        subprocess.run(["xargs", "-0", "sha256sum"], input=names, check=True,
                       stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        note(f"import: round {number + 1}: by hand {seconds:.1f} s")
        return count / seconds

    rates, others = alternate(bench.rounds(3), ours, reference)
    shutil.rmtree(root)
    return [Figure("import", f"{count} files of 200 KB", "files/s", rates, others,
                   "cp with fsync of each, then sha256sum", 0.7)]
