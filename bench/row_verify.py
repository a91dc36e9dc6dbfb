# SPDX-License-Identifier: Apache-2.0
"""`calotype verify` of a data folder against `sha256sum` of the same files, each of them in the
page cache: originals of 200 KB, and some of 32 MiB. sha256sum hashes one file after another; verify
compares every blob with its row besides."""

import json
import os
import random
import subprocess
import time

from measure import Figure, alternate, note
from subject import Server

MIB = 1 << 20


def fill(bench, server, small, large):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    source = random.Random(20261125)
    for number in range(small + large):
        body = source.randbytes(32 * MIB if number >= small else 200_000)
        connection.request("POST", "/v1/assets", body,
                           {"Content-Type": "application/octet-stream"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise SystemExit(f"bench: {answer.status}")
    connection.close()
    server.idle()
    note(f"verify: {small} files of 200 KB and {large} of 32 MiB are stored")


def run(bench):
    small, large = (300, 2) if bench.quick else (5_000, 16)
    with Server(bench.program, bench.folder / "verify", keep=True) as server:
        fill(bench, server, small, large)
    data = bench.folder / "verify/data"
    files = sorted(str(path) for path in (data / "blobs").rglob("*") if path.is_file())
    total = sum(os.path.getsize(path) for path in files)
    names = "\0".join(files).encode()
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith("CALOTYPE_")}

    def warm():
        subprocess.run(["xargs", "-0", "cat"], input=names, check=True, stdout=subprocess.DEVNULL)

    def ours(_):
        warm()
        began = time.perf_counter()
        done = subprocess.run([str(bench.program), "verify", "--json", "--data", str(data)],
                              check=True, capture_output=True, env=environment)
        seconds = time.perf_counter() - began
        said = json.loads(done.stdout)
        if said["bytes"] != total or said["findings"]:
            raise SystemExit(f"bench: {said}")
        return total / MIB / seconds

    def reference(_):
        warm()
        began = time.perf_counter()
        subprocess.run(["xargs", "-0", "sha256sum"], input=names, check=True,
                       stdout=subprocess.DEVNULL)
        return total / MIB / (time.perf_counter() - began)

    rates, others = alternate(bench.rounds(5), ours, reference)
    return [Figure("verify", f"{len(files)} blobs, {total // MIB} MiB, hashed again", "MiB/s",
                   rates, others, "sha256sum of the same files", 0.9)]
