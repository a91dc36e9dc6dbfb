# SPDX-License-Identifier: Apache-2.0
"""Many machines on one: PostgreSQL, an S3 server and Redis beside the program.

Ingest: distinct files of 64 KiB from 64 connections, each acknowledged when its object is in S3 and
its row is committed, against the same bytes put into the same S3 by boto3 and nothing else. S3 is
Ceph's radosgw on a SQLite file, so what is compared is what we add to a put, not how fast S3 is.

A variant known to Redis and not to the process: every request asks Redis what it resolves to, and
the bytes come from S3, or from the local cache of blobs in front of it; against the same object
straight from S3, its URL signed beforehand, by the same wrk."""

import os
import re
import subprocess
import sys
from pathlib import Path

from measure import Figure, alternate, note
from pictures import photographs
from row_delivery import variant_of_size
from subject import Server, run_json

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/servers"))

from all_servers import AllServers  # noqa: E402
from radosgw import BUCKET  # noqa: E402

CLIENTS = 64
FILE_BYTES = 64 << 10
PUT_CLIENT = Path(__file__).resolve().parent / "s3_put_client.py"


class Ground:
    """The servers below, with data on the benchmark's file system, and places for each round."""

    def __init__(self, bench):
        (bench.folder / "servers").mkdir(parents=True, exist_ok=True)
        self.below = AllServers(bench.folder / "servers")
        self.places = 0

    def __enter__(self):
        self.below.start()
        os.environ.update(self.below.environment())
        return self

    def __exit__(self, *_):
        self.below.stop()

    def settings(self, **more):
        """A database and a prefix that nobody has used."""
        self.places += 1
        name = f"round{self.places}"
        self.below.postgres.sql(f"CREATE DATABASE {name}")
        return {"catalog": f"{self.below.postgres.url}/{name}",
                "blobs": self.below.radosgw.url(name), "cache": self.below.redis.url,
                } | {key.replace("__", "."): value for key, value in more.items()}


# ---- bytes in -----------------------------------------------------------------------------------

def boto3_puts(ground, count, seed, threads, processes):
    radosgw = ground.below.radosgw
    answer = run_json(sys.executable, PUT_CLIENT, radosgw.endpoint, BUCKET, f"reference{seed}",
                      count, FILE_BYTES, threads, processes, seed)
    return count / answer["seconds"]


def fastest_boto3(ground, count):
    """Of the ways to run it, the one that is quickest here."""
    choices = ((8, 1), (16, 2), (64, 1), (64, 2))
    ways = {way: boto3_puts(ground, count, 10 + sum(way), *way) for way in choices}
    best = max(ways, key=ways.get)
    note(f"cluster-ingest: boto3 is fastest with {best[0]} threads in {best[1]} processes")
    return best, {f"{threads} threads, {processes} processes": rate
                  for (threads, processes), rate in ways.items()}


def uploads(bench, ground, count, seed):
    """Without workers, as the reference does no inspection either."""
    with Server(bench.program, bench.folder / "ingest", ground.settings(),
                arguments=["--no-workers"]) as server:
        answer = run_json(bench.tool("upload_client"), "small", server.port, count, FILE_BYTES,
                          CLIENTS, seed)
        if answer["created"] != count:
            raise SystemExit(f"bench: {answer}")
    return count / answer["seconds"]


def run_ingest(bench, ground):
    count = 300 if bench.quick else 2_000
    (threads, processes), ways = fastest_boto3(ground, max(200, count // 4))
    ours, reference = alternate(
        bench.rounds(5), lambda number: uploads(bench, ground, count, 100 + number),
        lambda number: boto3_puts(ground, count, 1_000 + number, threads, processes))
    return [Figure("cluster-ingest", "64 KiB uploads into PostgreSQL + S3, 64 clients", "uploads/s",
                   ours, reference, "boto3 puts into the same S3", 0.8,
                   notes={"uploads_a_round": count, "boto3_ways_per_second": ways})]


# ---- bytes out ----------------------------------------------------------------------------------

def wrk(url, seconds):
    said = subprocess.run(["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", url], check=True,
                          capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"bench: {url}:\n{said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def one_delivery(bench, ground, photo, name, what, bound, **settings):
    seconds = 2 if bench.quick else 5
    radosgw = ground.below.radosgw
    with Server(bench.program, bench.folder / "delivery",
                ground.settings(delivery__hot_bytes_max="0", **settings)) as server:
        asset = server.put_inspected([photo])[0]
        url, content, _ = variant_of_size(server, asset, 30_000)
        prefix = f"round{ground.places}/variants/"
        keys = [key for key in radosgw.keys(prefix) if radosgw.content(key) == content]
        if len(keys) != 1:
            raise SystemExit(f"bench: the variant is not one object: {keys}")
        straight = radosgw.client().generate_presigned_url(
            "get_object", Params={"Bucket": BUCKET, "Key": keys[0]}, ExpiresIn=86_400)
        ours, reference = alternate(
            bench.rounds(5),
            lambda _: wrk(f"http://127.0.0.1:{server.port}{url}", seconds),
            lambda _: wrk(straight, seconds))
        answers = {result: server.metric("cache_requests_total", result=result)
                   for result in ("hit", "miss", "timeout", "bypassed")}
    return Figure(name, f"{what}, {len(content) // 1000} KB, 64 connections", "requests/s", ours,
                  reference, "the object straight from S3", bound,
                  notes={"bytes": len(content), "redis_answers": answers})


def run_variant(bench, ground):
    photo = photographs(bench.folder / "made")[0]
    return [one_delivery(bench, ground, photo, "cluster-variant",
                         "a variant known to Redis only, bytes from the local cache", 0.8),
            one_delivery(bench, ground, photo, "cluster-variant-s3",
                         "the same, bytes from S3 each time", None, blobs__cache_max_bytes="0")]


def speaks_to_all(program):
    """Until every part of the cluster is built in."""
    said = subprocess.run([program, "serve", "--help"], capture_output=True, text=True)
    return "--no-workers" in said.stdout


def run(bench):
    if not speaks_to_all(bench.program):
        note("cluster: this program does not run on many machines yet; left out")
        return []
    with Ground(bench) as ground:
        return [*run_ingest(bench, ground), *run_variant(bench, ground)]
