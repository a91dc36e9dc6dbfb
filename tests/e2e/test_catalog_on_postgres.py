# SPDX-License-Identifier: Apache-2.0
"""The program on PostgreSQL: what it says when the server does not let it in, that it comes back by
itself when the server does, what goes to a replica, and that passwords are shown nowhere."""

import os
import subprocess
import time
import uuid

import pytest
from calotype_server import find_program, plain_environment
from picture_files import encoded, scene
from postgres import Postgres
from postgres_replica import PostgresReplica
from server_process import let_in


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """One of its own, since it is stopped and started."""
    folder = tmp_path_factory.mktemp("postgres")
    let_in(folder)
    server = Postgres(folder / "primary").start()
    yield server
    server.stop()


@pytest.fixture
def database(postgres):
    name = "e2e_" + uuid.uuid4().hex
    postgres.sql(f"CREATE DATABASE {name}")
    return name


def eventually(check, wait=15):
    deadline = time.monotonic() + wait
    while not check():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


def refused(url, **settings):
    """What `calotype serve` says when it does not start."""
    words = [find_program(), "serve", "--listen", "127.0.0.1:0", "--set", f"catalog={url}"]
    for key, value in settings.items():
        words += ["--set", f"{key.replace('__', '.')}={value}"]
    began = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd="/tmp",
                          env=plain_environment())
    assert done.returncode == 1, done.stdout + done.stderr
    assert time.monotonic() - began < 20
    return done.stderr


def test_a_server_that_does_not_let_it_in_is_told_from_one_that_is_not_there(postgres, tmp_path):
    at = f"127.0.0.1:{postgres.port}"
    wrong = refused(f"postgresql://postgres:guessed@{at}/postgres", data=tmp_path)
    assert f"PostgreSQL at {at} does not let the user “postgres” in: the password is wrong" in wrong
    assert "guessed" not in wrong
    missing = refused(f"{postgres.url}/nowhere", data=tmp_path)
    assert "has no database “nowhere”. Make one with: createdb" in missing
    assert postgres.password not in missing
    absent = refused("postgresql://u:guessed@127.0.0.1:1/x", data=tmp_path)
    assert "No PostgreSQL can be reached at 127.0.0.1:1" in absent
    assert "guessed" not in absent
    nonsense = refused("postgresql://u:gue%ssed@h:p/x?y", data=tmp_path)
    assert "BAD_CONFIG" in nonsense and "ssed" not in nonsense
    other = refused("mysql://u:guessed@h/x", data=tmp_path)
    assert "it has to be sqlite:PATH or postgresql://" in other and "guessed" not in other


def test_passwords_are_not_in_the_configuration_that_is_shown(postgres):
    done = subprocess.run([find_program(), "config"], capture_output=True, text=True,
                          env=plain_environment(CALOTYPE_CATALOG=f"{postgres.url}/x",
                                                CALOTYPE_CATALOG_LISTEN=f"{postgres.url}/x",
                                                CALOTYPE_CATALOG_REPLICA=f"{postgres.url}/x"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"postgresql://postgres:********@127.0.0.1:{postgres.port}/x") == 3
    assert postgres.password not in done.stdout + done.stderr


def test_an_outage_is_an_honest_503_and_ends_by_itself(postgres, database, start_server):
    server = start_server({"catalog": f"{postgres.url}/{database}"})
    kept = server.put(encoded(scene(64, 48), "png"))["id"]
    server.settled(kept)
    postgres.stop()
    try:
        answer = server.get(f"/v1/assets/{kept}")
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] == "CATALOG_FAILED"
        assert int(answer.headers["Retry-After"]) > 0
        assert "127.0.0.1" not in answer.text and postgres.password not in answer.text
        eventually(lambda: server.get("/readyz").status_code == 503)
    finally:
        postgres.launch()
        postgres.ready()
    back = time.monotonic()
    eventually(lambda: server.get(f"/v1/assets/{kept}").status_code == 200)
    another = server.put(encoded(scene(80, 60), "png"))["id"]
    server.settled(another)
    assert time.monotonic() - back < 10
    assert postgres.password not in server.log()


def test_lists_go_to_a_replica_that_keeps_up_and_to_the_primary_otherwise(
        postgres, database, start_server, tmp_path):
    let_in(tmp_path)
    replica = PostgresReplica(tmp_path / "replica", postgres).start(60)
    try:
        server = start_server({"catalog": f"{postgres.url}/{database}",
                               "catalog.replica": f"{replica.url}/{database}",
                               "catalog.replica_lag_max": "1s"})
        healthy = "catalog_replica_healthy 1"
        eventually(lambda: healthy in server.get("/metrics").text)
        first = server.put(encoded(scene(64, 48), "png"))["id"]

        def listed():
            return [row["id"] for row in server.get("/v1/assets").json()["assets"]]

        eventually(lambda: first in listed())
        assert replica.sql("SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = "
                           f"'calotype' AND datname = '{database}'") != [["0"]]
        replica.sql("SELECT pg_wal_replay_pause()")
        second = server.put(encoded(scene(80, 60), "png"))["id"]
        assert server.get(f"/v1/assets/{second}").status_code == 200, "looked up at the primary"
        eventually(lambda: healthy not in server.get("/metrics").text)
        assert second in listed()
        replica.sql("SELECT pg_wal_replay_resume()")
        eventually(lambda: healthy in server.get("/metrics").text)
        replica.stop()
        assert second in listed()
        assert server.get("/v1/assets").status_code == 200
    finally:
        replica.stop()


def test_the_first_key_is_made_on_the_shared_catalog(postgres, database, start_server):
    environment = plain_environment(CALOTYPE_CATALOG=f"{postgres.url}/{database}")
    server = start_server({"catalog": f"{postgres.url}/{database}"})
    assert server.get("/v1/assets").status_code == 200, "no keys are in force"
    done = subprocess.run(
        [find_program(), "key", "create", "--name", "ci", "--scope", "read", "--data", server.data],
        capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    eventually(lambda: server.get("/v1/assets").status_code == 401)
