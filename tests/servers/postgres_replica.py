# SPDX-License-Identifier: Apache-2.0
"""A streaming replica of a Postgres that runs: copied by pg_basebackup, kept up by the log."""

from postgres import BIN, Postgres
from server_process import give


class PostgresReplica(Postgres):
    name = "PostgreSQL's replica"

    def __init__(self, folder, primary):
        super().__init__(folder)
        self.primary = primary
        self.password = primary.password
        self.url = f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}"

    def prepare(self):
        self.run(BIN / "pg_basebackup", "--pgdata", self.data, "--write-recovery-conf",
                 "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--dbname",
                 f"{self.primary.url}/postgres")
        give(self.data)
        with open(self.data / "postgresql.conf", "a") as out:
            out.write(f"port = {self.port}\n")
