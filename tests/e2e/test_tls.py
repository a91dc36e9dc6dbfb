# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL, S3 and Redis over TLS: each is spoken to where its certificate is trusted, and never
where it is not."""

import os
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest
from calotype_server import Server, find_program, plain_environment
from picture_files import encoded, scene
from postgres import Postgres
from relay import TlsRelay, make_certificate
from server_process import give, let_in
from stacks import has_cluster


@pytest.fixture
def secured(tmp_path):
    """The three of them, and the settings and environment to reach them by."""
    if not has_cluster():
        pytest.skip("PostgreSQL, S3 and Redis are not in the environment")
    let_in(tmp_path)
    certificate, key = make_certificate(tmp_path, "localhost")
    postgres = Postgres(tmp_path / "postgres").start()
    for source, name in ((certificate, "server.crt"), (key, "server.key")):
        shutil.copy(source, postgres.data / name)
        (postgres.data / name).chmod(0o600)
        give(postgres.data / name)
    postgres.sql("ALTER SYSTEM SET ssl = on")
    postgres.sql("SELECT pg_reload_conf()")
    place, query = os.environ["CALOTYPE_TEST_S3"].split("?", 1)
    parts = dict(pair.split("=", 1) for pair in query.split("&"))
    relays = [TlsRelay(urlsplit(url).port, certificate, key)
              for url in (parts["endpoint"], os.environ["CALOTYPE_TEST_REDIS"])]
    parts["endpoint"] = f"https://localhost:{relays[0].port}"
    settings = {
        "catalog": f"{postgres.url}/postgres?sslmode=verify-full&sslrootcert={certificate}"
                   .replace("127.0.0.1", "localhost"),
        "blobs": f"{place}/tls-{tmp_path.name}?" + "&".join("=".join(pair) for pair in
                                                           parts.items()),
        "blobs.ca_file": str(certificate),
        "cache": f"rediss://localhost:{relays[1].port}/0",
        "cache.prefix": tmp_path.name,
    }
    yield postgres, settings, {"SSL_CERT_FILE": str(certificate)}
    for relay in relays:
        relay.close()
    postgres.stop()


def test_all_three_are_used_over_tls(secured, tmp_path):
    postgres, settings, environment = secured
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server", settings, environment=environment).start()
    try:
        picture = encoded(scene(120, 80), "jpeg")
        asset = server.put_inspected(picture)
        assert server.get(f"/v1/assets/{asset['id']}/original").content == picture
        assert server.get(f"/i/{asset['id']}?w=50&fm=png").status_code == 200
        assert postgres.sql("SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                            " WHERE application_name = 'calotype'") == [["t"]]
        server.until(lambda: "cache_usable 1" in server.get("/metrics").text, 10)
    finally:
        server.stop()


def start_by(settings, environment, folder):
    """What a server that must not start says."""
    words = [find_program(), "serve", "--listen", "127.0.0.1:0", "--data", folder]
    for name, value in settings.items():
        words += ["--set", f"{name}={value}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60,
                          env=plain_environment(**environment))
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def test_a_catalog_whose_certificate_is_not_trusted_is_refused(secured, tmp_path):
    _, settings, environment = secured
    (tmp_path / "others").mkdir()
    other, _ = make_certificate(tmp_path / "others", "localhost")
    untrusted = settings["catalog"].rsplit("=", 1)[0] + f"={other}"
    said = start_by(settings | {"catalog": untrusted}, environment, tmp_path / "data")
    assert "certificate" in said, said


def test_a_store_or_cache_whose_certificate_is_not_trusted_gets_nothing(secured, tmp_path):
    _, settings, environment = secured
    (tmp_path / "others").mkdir()
    other, _ = make_certificate(tmp_path / "others", "localhost")
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server", settings | {"blobs.ca_file": str(other)},
                    environment=environment | {"SSL_CERT_FILE": str(other)})
    server.launch()
    try:
        server.until(lambda: answers(server), 20)
        refused = server.post("/v1/assets", data=encoded(scene(120, 80), "jpeg"))
        assert refused.status_code == 503 and refused.json()["code"] == "OVERLOADED", refused.text
        assert "cache_usable 0" in server.get("/metrics").text
        assert "certificate" in server.log(), server.log()
    finally:
        server.stop()


def answers(server):
    try:
        return server.get("/metrics").status_code == 200
    except OSError:
        return False
