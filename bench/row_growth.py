# SPDX-License-Identifier: Apache-2.0
"""What a large library costs those who use it: a server on a catalog of 1,000,000 assets against
one of 1,000, on either engine. Lookups by id (GET /v1/assets/{id}) and by hash
(GET /v1/assets/sha256:{hex}) by wrk over 64 connections, of assets at random; uploads of distinct
files of 64 KiB over 64 connections, each acknowledged durable, by a server that does no jobs. (The
same of the bare catalog, without HTTP and without bytes, is in the row `catalog`.)"""

import base64
import hashlib
import random
import re
import subprocess

from measure import Figure, alternate, note
from row_catalog import on_both_engines
from subject import Server, run_json

SMALL = 1_000
TARGETS = 200_000
CLIENTS = 64
FILE_BYTES = 64 << 10

# wrk's requests: the lines of a file, one after another, for ever; made beforehand, so that a
# client with many targets does no more than one with few.
SCRIPT = """\
local requests, at = {{}}, 0
init = function()
  for line in io.lines("{targets}") do requests[#requests + 1] = wrk.format("GET", line) end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
"""


class Catalogs:
    """Filled catalogs of one engine: where is a folder, or a PostgreSQL server's URL."""

    def __init__(self, bench, where):
        self.bench, self.where = bench, str(where)

    def fill(self, name, assets):
        subprocess.run([self.bench.tool("catalog_bench"), "fill", self.where, name, str(assets)],
                       check=True)

    def server(self, name):
        url = f"{self.where}/{name}"
        return Server(self.bench.program, self.bench.folder / f"growth-{name}",
                      {"catalog": url if "://" in url else f"sqlite:{url}"},
                      arguments=["--no-workers"])


def digest_of(number):
    return hashlib.sha256(f"filled {number}".encode())


def asset_id(number):
    return base64.b32encode(digest_of(number).digest()).decode().lower()[:26]


def targets(bench, assets, by):
    """A file of requests for assets at random."""
    chance = random.Random(assets)
    numbers = [chance.randrange(assets) for _ in range(TARGETS)]
    of = {"id": asset_id, "hash": lambda number: "sha256:" + digest_of(number).hexdigest()}[by]
    path = bench.folder / f"growth-{by}-{assets}.txt"
    path.write_text("".join(f"/v1/assets/{of(number)}\n" for number in numbers))
    script = path.with_suffix(".lua")
    script.write_text(SCRIPT.format(targets=path))
    return script


def wrk(server, script, seconds):
    said = subprocess.run(["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "-s", str(script),
                           f"http://127.0.0.1:{server.port}"], check=True, capture_output=True,
                          text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"bench: lookups failed:\n{said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def lookups(bench, catalogs, engine, assets):
    seconds = 1 if bench.quick else 4
    figures = []
    with catalogs.server("large") as large, catalogs.server("small") as small:
        for by in ("id", "hash"):
            of_large, of_small = targets(bench, assets, by), targets(bench, SMALL, by)
            wrk(large, of_large, seconds)  # what is in the page cache is not the question
            ours, reference = alternate(bench.rounds(7), lambda _: wrk(large, of_large, seconds),
                                        lambda _: wrk(small, of_small, seconds))
            figures.append(Figure(
                f"growth-lookup-by-{by}-{engine}",
                f"lookup by {by} with {assets:,} assets, {engine}", "requests/s", ours, reference,
                f"with {SMALL:,}", 0.9))
    return figures


def upload(bench, catalogs, name, count, seed):
    with catalogs.server(name) as server:
        answer = run_json(bench.tool("upload_client"), "small", server.port, count, FILE_BYTES,
                          CLIENTS, seed)
    if answer["created"] != count:
        raise SystemExit(f"bench: {answer}")
    return count / answer["seconds"]


def ingest(bench, catalogs, engine, assets):
    count = 500 if bench.quick else 4_000

    def small(number):
        catalogs.fill("small", SMALL)
        return upload(bench, catalogs, "small", count, 2_000 + number)

    ours, reference = alternate(
        bench.rounds(5), lambda number: upload(bench, catalogs, "large", count, 1_000 + number),
        small)
    return [Figure(f"growth-ingest-{engine}",
                   f"64 KiB uploads with {assets:,} assets, {engine}", "uploads/s", ours,
                   reference, f"with {SMALL:,}", 0.8, notes={"uploads_a_round": count})]


def measure(bench, engine, where):
    assets = 50_000 if bench.quick else 1_000_000
    catalogs = Catalogs(bench, where)
    note(f"growth: filling a catalog of {assets:,} assets on {engine}")
    catalogs.fill("large", assets)
    catalogs.fill("small", SMALL)
    return [*lookups(bench, catalogs, engine, assets), *ingest(bench, catalogs, engine, assets)]


def run(bench):
    return on_both_engines(bench, "growth", measure)
