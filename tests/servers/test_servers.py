# SPDX-License-Identifier: Apache-2.0
"""The servers that other tests rely upon: that they are what they are taken for, and that none is
left behind by a run that was killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from all_servers import AllServers
from server_process import is_alive


@pytest.fixture(scope="module")
def servers():
    with AllServers() as started:
        yield started


def test_postgres_flushes_and_has_vectors(servers):
    assert servers.postgres.sql("SHOW fsync") == [["on"]]
    assert servers.postgres.sql("SHOW server_version")[0][0].startswith("17.")
    servers.postgres.sql("CREATE EXTENSION vector")


def test_what_was_committed_and_put_survives_a_kill(servers):
    servers.postgres.sql("CREATE TABLE kept AS SELECT 7 AS number")
    servers.radosgw.client().put_object(Bucket="calotype-test", Key="kept", Body=b"bytes")
    for server in servers.all:
        server.kill()
    for server in servers.all:
        server.restart()
    assert servers.postgres.sql("SELECT number FROM kept") == [["7"]]
    assert servers.radosgw.content("kept") == b"bytes"
    assert servers.radosgw.keys() == ["kept"]


def test_pgbouncer_pools_by_transaction(servers):
    said = servers.pgbouncer.run("psql", "-X", "-A", "-t", "-c", "SHOW CONFIG",
                                 servers.pgbouncer.url + "/pgbouncer")
    assert "pool_mode|transaction" in said and "max_prepared_statements|200" in said


def test_a_paused_server_is_silent_and_then_answers(servers):
    servers.redis.pause()
    try:
        with pytest.raises(OSError):
            servers.redis.ask("PING")
    finally:
        servers.redis.resume()
    assert servers.redis.ask("PING") == b"+PONG\r\n"


def test_none_outlives_a_starter_that_was_killed():
    """Nor does its data outlive the next start."""
    code = ("import sys, time; from all_servers import AllServers\n"
            "servers = AllServers(sys.argv[1]).start()\n"
            "print(*(server.process.pid for server in servers.all), flush=True); time.sleep(600)")
    starter = subprocess.Popen([sys.executable, "-B", "-c", code, tempfile.gettempdir()], text=True,
                               stdout=subprocess.PIPE, cwd=Path(__file__).parent)
    try:
        pids = [int(word) for word in starter.stdout.readline().split()]
        assert len(pids) == 4 and all(map(is_alive, pids))
    finally:
        os.kill(starter.pid, signal.SIGKILL)
        starter.wait()
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, pids))
