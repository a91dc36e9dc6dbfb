# SPDX-License-Identifier: Apache-2.0
"""A commit on its way when PostgreSQL crashes. Whether it arrived is asked afterwards, by the
transaction's number; but a server that crashed gives numbers of which nothing had reached its log
once more, so "committed" may be another transaction's story. An upload must not be acknowledged by
it: it is there, or it is refused."""

import hashlib
import threading

import pytest
import requests
from picture_files import encoded, scene
from postgres import Postgres
from relay import Relay
from server_process import let_in


class CommitHolder(Relay):
    """Keeps one COMMIT back, and ends its connection when told to."""

    def __init__(self, port):
        self.armed = threading.Event()
        self.held = threading.Event()
        self.end = threading.Event()
        super().__init__(port)

    def may_pass(self, data):
        if b"COMMIT\0" not in data or not self.armed.is_set():
            return True
        self.armed.clear()
        self.held.set()
        self.end.wait(30)
        return False


@pytest.fixture
def postgres(tmp_path):
    let_in(tmp_path)
    server = Postgres(tmp_path / "postgres").start()
    yield server
    server.stop()


def crash_over_an_upload(postgres, server, holder, picture):
    """The upload's answer, and whether another transaction has got its number and committed."""
    answers = []
    holder.armed.set()
    upload = threading.Thread(target=lambda: answers.append(
        requests.post(server.url + "/v1/assets", data=picture, timeout=60)))
    upload.start()
    assert holder.held.wait(20), "a commit was on its way"
    [[number, process]] = postgres.sql(
        "SELECT backend_xid, pid FROM pg_stat_activity WHERE state = 'idle in transaction'")
    postgres.kill_backend(int(process))
    postgres.ready()
    while postgres.sql(f"SELECT pg_snapshot_xmax(pg_current_snapshot()) > '{number}'::xid8") != [
            ["t"]]:
        postgres.sql("INSERT INTO another VALUES (1)")  # until the number is given again
    [[status]] = postgres.sql(f"SELECT pg_xact_status('{number}'::xid8)")
    holder.end.set()
    upload.join(60)
    holder.held.clear()
    holder.end.clear()
    return answers[0], status == "committed"


def test_another_transaction_s_commit_acknowledges_nothing(postgres, make_server, tmp_path):
    holder = CommitHolder(postgres.port)
    through = postgres.url.replace(f":{postgres.port}", f":{holder.port}")
    server = make_server(tmp_path, {"catalog": f"{through}/postgres",
                                    "catalog.listen": f"{postgres.url}/postgres"})
    server.more = ["--no-workers"]  # so that nothing else is written into PostgreSQL's log
    server.start()
    postgres.sql("CREATE TABLE another (number int)")
    confused = 0
    for number in range(12):
        picture = encoded(scene(64 + number, 48), "png")
        answer, shared_number = crash_over_an_upload(postgres, server, holder, picture)
        confused += shared_number
        there = server.get("/v1/assets/sha256:" + hashlib.sha256(picture).hexdigest())
        if answer.status_code == 503:
            assert answer.json()["code"] == "CATALOG_FAILED" and "Retry-After" in answer.headers
            assert there.status_code == 404, there.text
        else:
            assert answer.status_code == 201 and there.status_code == 200, answer.text
        server.put(picture)
        if confused == 2:
            break
    holder.close()
    assert confused, "no number was given twice: nothing is tested"
