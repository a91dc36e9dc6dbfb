# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the black-box tests: servers that end with the test, however it ends."""

import pytest
from calotype_server import Server
from picture_files import HAS_CORPUS


def pytest_report_header():
    return "corpus: " + ("../shared/corpus" if HAS_CORPUS else
                         "../shared/corpus is not there, so only pictures that the tests make")


@pytest.fixture
def start_server(tmp_path):
    """start_server({"setting": "value"}, …): one more server with a data folder of its own."""
    servers = []

    def start(settings=None, **options):
        folder = tmp_path / f"server-{len(servers)}"
        folder.mkdir()
        servers.append(Server(folder, settings, **options))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One server with default settings for all tests of a file."""
    server = Server(tmp_path_factory.mktemp("site"))
    server.start()
    yield server
    assert server.stop() == 0
