# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the black-box tests: servers that end with the test, however it ends, on each of the
stacks that the test's file names in STACKS (stacks.py; the embedded one where it names none)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))

import stacks  # noqa: E402
from calotype_server import Server  # noqa: E402
from picture_files import HAS_CORPUS  # noqa: E402


def pytest_report_header():
    return ["corpus: " + ("../shared/corpus" if HAS_CORPUS else
                          "../shared/corpus is not there, so only pictures that the tests make"),
            "cluster: " + ("its servers run" if stacks.has_cluster() else
                           "its servers do not run (tests/servers/run starts them)")]


def pytest_configure(config):
    config.addinivalue_line("markers", "embedded_only(reason): not on the other stacks")


def pytest_generate_tests(metafunc):
    if "stack" not in metafunc.fixturenames:
        return
    names = getattr(metafunc.module, "STACKS", ("embedded",))
    if metafunc.definition.get_closest_marker("embedded_only"):
        names = ("embedded",)
    metafunc.parametrize("stack", names, scope="module", indirect=True)


@pytest.fixture(scope="module")
def stack(request):
    if request.param == "cluster" and not stacks.has_cluster():
        pytest.skip("PostgreSQL, S3 and Redis are not in the environment")
    return request.param


@pytest.fixture(scope="module")
def make_server(stack):
    """make_server(folder, settings, …): not started; ended with the module."""
    made = []

    def make(folder, settings=None, **options):
        kind = stacks.Cluster if stack == "cluster" else Server
        made.append(kind(folder, settings, **options))
        return made[-1]

    yield make
    for server in made:
        if stack == "cluster":
            server.end()
        else:
            server.kill()


@pytest.fixture
def start_server(make_server, tmp_path):
    """start_server({"setting": "value"}, …): one more server with data of its own."""
    servers = []

    def start(settings=None, **options):
        folder = tmp_path / f"server-{len(servers)}"
        folder.mkdir()
        servers.append(make_server(folder, settings, **options))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def site(make_server, tmp_path_factory):
    """One server with default settings for all tests of a file."""
    server = make_server(tmp_path_factory.mktemp("site"))
    server.start()
    yield server
    assert server.stop() == 0
