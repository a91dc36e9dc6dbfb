# SPDX-License-Identifier: Apache-2.0
"""What the black-box tests run on, and ways to look at it that do not care which: the embedded
stack (SQLite and a folder), and the one of many machines (PostgreSQL, S3 and Redis, two servers
that do no jobs and two workers that do)."""

import contextlib
import itertools
import os
import secrets
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from calotype_server import Server, plain_environment

CLUSTER_VARIABLES = ("CALOTYPE_TEST_POSTGRES", "CALOTYPE_TEST_S3", "CALOTYPE_TEST_REDIS")


def has_cluster():
    return all(name in os.environ for name in CLUSTER_VARIABLES)


# ---- what is kept, beside the program -----------------------------------------------------------


class FolderState:
    """Catalog and blobs in a data folder."""

    def __init__(self, data):
        self.data = data

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/catalog.db?mode=ro",
                                                uri=True, timeout=20)) as catalog:
            return catalog.execute(sql).fetchall()

    def hex_of_digest(self):
        return "lower(hex(digest))"

    def files(self):
        """The size of each by its key; one that goes while we look is not there."""
        blobs = self.data / "blobs"
        found = {}
        for folder, _, names in os.walk(blobs):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    found[str(path.relative_to(blobs))] = path.stat().st_size
        return found


class ClusterState:
    """A PostgreSQL database and a prefix of a bucket."""

    def __init__(self, database_url, s3, bucket, prefix):
        self.database_url = database_url
        self.s3, self.bucket, self.prefix = s3, bucket, prefix

    def rows(self, sql):
        return [tuple(int(cell) if cell.lstrip("-").isdigit() else cell for cell in row)
                for row in run_sql(self.database_url, sql)]

    def hex_of_digest(self):
        return "encode(digest, 'hex')"

    def files(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket,
                                                                  Prefix=self.prefix + "/")
        return {entry["Key"][len(self.prefix) + 1:]: entry["Size"]
                for page in pages for entry in page.get("Contents", [])}


def run_sql(url, text):
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                           "-c", text, url], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


class Audit:
    """What has to hold between rows and bytes, on either stack."""

    def __init__(self, state):
        self.state = state
        self.rows = state.rows
        self.files = state.files

    def owned(self):
        """The key and size of every blob that a row promises."""
        originals = self.rows(f"SELECT {self.state.hex_of_digest()}, bytes FROM asset "
                              "WHERE state <> 'DELETED'")
        owned = {f"raw/{name[:2]}/{name[2:4]}/{name}": size for name, size in originals}
        owned |= dict(self.rows("SELECT proof_key, proof_bytes FROM media "
                                "WHERE proof_key IS NOT NULL"))
        return owned | dict(self.rows("SELECT blob_key, bytes FROM variant "
                                      "WHERE blob_key IS NOT NULL"))

    def assert_every_row_has_its_bytes(self):
        """While the server runs a blob may go between the two looks; then its row has gone."""
        for _ in range(20):
            owned = self.owned()
            files = self.files()
            lacking = {key: size for key, size in owned.items() if files.get(key) != size}
            if not lacking:
                return
            time.sleep(0.1)
        raise AssertionError(f"rows without their bytes: {lacking}")

    def unfinished(self):
        """Jobs that are to end and have not."""
        return self.rows("SELECT kind, key, state, attempts, last_error FROM job "
                         "WHERE key NOT IN ('scrub', 'verify', 'fingerprints')")

    def pending(self):
        return self.rows("SELECT id, state FROM asset WHERE state IN ('INGESTED', 'DEDUP_CHECK')")

    def unowned(self):
        return sorted(self.files().keys() - self.owned().keys())


# ---- the places of many machines -----------------------------------------------------------------


class ClusterPlace:
    """A database, a prefix and a Redis that are one test's own, of servers that run already."""

    def __init__(self, postgres, s3_url, redis, pooler=None, client=None):
        self.name = "t" + secrets.token_hex(6)
        run_sql(f"{postgres}/postgres", f"CREATE DATABASE {self.name}")
        self.postgres = postgres
        self.catalog = f"{postgres}/{self.name}"
        self.pooled = f"{pooler}/{self.name}" if pooler else None
        base, query = s3_url.split("?", 1)
        self.blobs = f"{base}/{self.name}?{query}"
        self.cache = redis
        self.bucket = urlsplit(base).netloc
        self.s3 = client or s3_client(dict(pair.split("=", 1) for pair in query.split("&")))

    @classmethod
    def of_environment(cls):
        return cls(*(os.environ[name] for name in CLUSTER_VARIABLES),
                   pooler=os.environ.get("CALOTYPE_TEST_PGBOUNCER"))

    def settings(self, pooled=False):
        more = {}
        if pooled and self.pooled:
            more = {"catalog": self.pooled, "catalog.listen": self.catalog}
        return {"catalog": self.catalog, "blobs": self.blobs, "cache": self.cache,
                "cache.prefix": self.name} | more

    def state(self):
        return ClusterState(self.catalog, self.s3, self.bucket, self.name)

    def drop(self):
        run_sql(f"{self.postgres}/postgres", f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def s3_client(place):
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3", endpoint_url=place["endpoint"], region_name=place.get("region", "us-east-1"),
        config=Config(s3={"addressing_style": "path"}))


# ---- the program on many machines ----------------------------------------------------------------


class Worker(Server):
    """`calotype worker`, which answers health and metrics only."""

    def arguments(self):
        return ["worker", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]


class Cluster(Server):
    """Two servers and two workers that look like one server: requests go to both in turn."""

    def __init__(self, folder, settings=None, environment=None, program=None, place=None):
        self.servers, self.workers = [], []
        self.lock = threading.Lock()
        super().__init__(folder, settings, environment, program)
        self.place = place or ClusterPlace.of_environment()
        for index in range(2):
            for kind, parts in ((Server, self.servers), (Worker, self.workers)):
                part = self.folder / f"{kind.__name__.lower()}-{index}"
                part.mkdir()
                one = kind(part, None, environment, program)
                one.more = ["--no-workers"] if kind is Server else []
                parts.append(one)
        self.parts = [*self.servers, *self.workers]
        self.turns = itertools.cycle(range(len(self.servers)))

    @property
    def port(self):
        """Of the server whose turn it is."""
        with self.lock:
            return self.servers[next(self.turns)].port

    @port.setter
    def port(self, _):
        pass  # each part has its own

    @property
    def process(self):
        return self.servers[0].process if self.__dict__.get("servers") else None

    @process.setter
    def process(self, _):
        pass

    def launch(self):
        for index, part in enumerate(self.parts):
            part.settings = {"render.processes": 1} | self.settings | \
                self.place.settings(pooled=index % 2 == 1)
            part.launch()

    def ready(self, wait=30):
        for part in self.parts:
            part.ready(wait)
        return self

    def log(self):
        return "".join(part.log() for part in self.parts)

    def stop(self, wait=30):
        codes = [part.stop(wait) for part in self.parts]
        self.session.close()
        return max((code for code in codes if code is not None), default=None)

    def kill(self):
        for part in self.parts:
            part.kill()
        self.session.close()

    def end(self):
        self.kill()
        self.place.drop()

    def metric(self, name, **labels):
        return sum(part.metric(name, **labels) for part in self.parts)

    def pids(self):
        return [server.process.pid for server in self.servers]

    def catalog_options(self):
        return ["--data", str(self.data), "--set", f"catalog={self.place.catalog}"]

    def state(self):
        return self.place.state()


def signal_part(part, number):
    """To the program and its renderers."""
    from calotype_server import children_of
    for process in [part.process.pid, *children_of(part.process.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def pause(part):
    signal_part(part, signal.SIGSTOP)


def resume(part):
    signal_part(part, signal.SIGCONT)


__all__ = ["Audit", "Cluster", "ClusterPlace", "FolderState", "Worker", "has_cluster", "pause",
           "plain_environment", "resume", "run_sql"]
