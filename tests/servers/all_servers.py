# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL, PgBouncer, Redis and radosgw together, and the environment variables by which tests
find them. All data is in one temporary folder that holds a lock for as long as it is in use: a run
that was killed leaves the folder, and the next run removes those that nobody holds."""

import concurrent.futures
import fcntl
import shutil
import tempfile
from pathlib import Path

from pgbouncer import PgBouncer
from postgres import Postgres
from radosgw import Radosgw
from redis_server import Redis

PREFIX = "calotype-servers-"


def remove_leftovers(parent):
    for folder in Path(parent).glob(PREFIX + "*"):
        try:
            with open(folder / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass  # in use, or somebody else's


class AllServers:
    """`with AllServers() as servers:`, in a thread that stays."""

    def __init__(self, parent=None):
        parent = Path(parent or tempfile.gettempdir())
        remove_leftovers(parent)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self.lock = open(self.folder / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.folder.chmod(0o755)
        self.postgres = Postgres(self.folder / "postgres")
        self.pgbouncer = PgBouncer(self.folder / "pgbouncer", self.postgres)
        self.redis = Redis(self.folder / "redis")
        self.radosgw = Radosgw(self.folder / "radosgw")
        self.all = [self.postgres, self.pgbouncer, self.redis, self.radosgw]

    def start(self):
        try:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                list(pool.map(lambda server: server.prepare(), self.all))
            for server in self.all:
                server.launch()
            for server in self.all:
                server.ready()
                server.started()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        for server in reversed(self.all):
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    def environment(self):
        return {
            "CALOTYPE_TEST_POSTGRES": self.postgres.url,
            "CALOTYPE_TEST_PGBOUNCER": self.pgbouncer.url,
            "CALOTYPE_TEST_REDIS": self.redis.url,
            "CALOTYPE_TEST_S3": self.radosgw.url(),
            "AWS_ACCESS_KEY_ID": self.radosgw.access_key,
            "AWS_SECRET_ACCESS_KEY": self.radosgw.secret_key,
        }

    def exports(self):
        """For a shell."""
        return "\n".join(f"export {key}='{value}'" for key, value in self.environment().items())
