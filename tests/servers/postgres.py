# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL 17 as it is used in earnest: fsync on, a password, and only the settings that a test
needs changed."""

import secrets
import signal
import subprocess
from pathlib import Path

from server_process import ServerProcess, give, send

BIN = Path("/usr/lib/postgresql/17/bin")

SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 300
log_min_messages = warning
log_line_prefix = '%m [%p] %d '
fsync = on
synchronous_commit = on
full_page_writes = on
# A lost connection to a killed server of ours frees its backend at once.
client_connection_check_interval = 1s
"""


class Postgres(ServerProcess):
    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast: ends sessions, then a clean shutdown
    orphan_signal = signal.SIGQUIT  # immediate: leaves no shared memory behind

    def __init__(self, folder):
        super().__init__(folder)
        self.data = self.folder / "data"
        self.password = secrets.token_hex(16)
        self.url = f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}"

    def prepare(self):
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o600)
        give(secret)
        self.run(BIN / "initdb", "--pgdata", self.data, "--username=postgres",
                 "--auth=scram-sha-256", "--pwfile", secret, "--encoding=UTF8",
                 "--locale=C.UTF-8", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as out:
            out.write(SETTINGS.format(port=self.port))

    def command(self):
        return [BIN / "postgres", "-D", self.data]

    def answers(self):
        return subprocess.run([BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False).returncode == 0

    def sql(self, text, database="postgres"):
        """The rows of a statement, as lists of text."""
        said = self.run("psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                        "-c", text, f"{self.url}/{database}")
        return [line.split("\t") for line in said.splitlines()]

    def backends(self, database):
        """The process ids that serve connections to a database."""
        return [int(pid) for (pid,) in self.sql(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}'")]

    @staticmethod
    def kill_backend(pid):
        """As the kernel does when memory runs out; PostgreSQL restarts all its sessions then."""
        send(pid, signal.SIGKILL)
