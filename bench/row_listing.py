# SPDX-License-Identifier: Apache-2.0
"""What a page of a listing costs in a large library: GET /v1/assets?limit=100 with every filter and
in every order, by a server on a catalog of 1,000,000 assets against one on a catalog of 1,000, on
either engine; wrk over 8 connections. A fifth of the assets has what is asked for, and of some
properties there is a value that two hundred have, in the small catalog as in the large one."""

import subprocess

from measure import Figure, alternate, note
from row_catalog import on_both_engines
from row_growth import Catalogs, SMALL

PAGES = {
    "newest": "", "oldest": "order=asc", "by-taken": "sort=taken", "by-size": "sort=bytes",
    "by-name": "sort=name&order=asc",
    "state": "state=METADATA_FAILED", "type": "type=fifth1", "collection": "collection=fifth1",
    "tag": "tag=fifth1", "camera": "camera=fifth1", "name": "name=fifth1",
    "width": "width_min=801", "height": "height_min=801", "size": "bytes_min=1800",
    "size-up-to": "bytes_max=1199", "taken": "taken_after=1970-01-01T00:00:00.800Z",
    "created": "created_before=1970-01-01T00:00:00.201Z",
    "rare-tag": "tag=rare", "rare-name": "name=rare", "rare-width": "width_min=4000",
    "rare-size": "bytes_min=4000", "rare-tag-by-size": "tag=rare&sort=bytes",
    "tag-by-size": "tag=fifth1&sort=bytes", "tag-and-type": "tag=fifth1&type=fifth1",
    "tag-by-taken-and-width": "tag=fifth1&sort=taken&width_min=101",
}


def page(server, query):
    """How many assets it has; that it has a hundred is what makes two of them comparable."""
    target = "/v1/assets?limit=100" + (f"&{query}" if query else "")
    return target, len(server.json("GET", target)["assets"])


def rate(server, target, seconds):
    said = subprocess.run(["wrk", "-t1", "-c8", f"-d{seconds}s",
                           f"http://127.0.0.1:{server.port}{target}"], check=True,
                          capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"bench: {target} failed:\n{said}")
    return float(next(line for line in said.splitlines() if "Requests/sec" in line).split()[1])


def measure(bench, engine, where):
    assets = 50_000 if bench.quick else 1_000_000
    seconds = 1 if bench.quick else 2
    catalogs = Catalogs(bench, where)
    note(f"listing: filling a catalog of {assets:,} assets on {engine}")
    catalogs.fill("large", assets)
    catalogs.fill("small", SMALL)
    figures = []
    with catalogs.server("large") as large, catalogs.server("small") as small:
        for name, query in PAGES.items():
            target, found = page(large, query)
            if found != 100 or page(small, query)[1] != 100:
                raise SystemExit(f"bench: {target} found {found} of a hundred")
            rate(large, target, 1)  # what is in the page cache is not the question
            ours, reference = alternate(bench.rounds(3),
                                        lambda _, target=target: rate(large, target, seconds),
                                        lambda _, target=target: rate(small, target, seconds))
            figures.append(Figure(
                f"listing-{name}-{engine}", f"a page of 100: {query or 'newest'}, {engine}",
                "pages/s", ours, reference, f"of {SMALL:,} assets, not {assets:,}", 0.8))
    return figures


def run(bench):
    return on_both_engines(bench, "listing", measure)
