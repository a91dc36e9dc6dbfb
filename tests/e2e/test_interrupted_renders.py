# SPDX-License-Identifier: Apache-2.0
"""A picture is being made, and something ends: the client's sending side only, the whole client,
one client of several, the renderer. Renderers are halted by SIGSTOP, so that whatever happens does
so while the picture is under way."""

import contextlib
import itertools
import os
import signal
import socket
import struct
import threading
import time

import pytest
from calotype_server import Server, children_of
from picture_files import decoded, encoded, scene
from raw_http import RawConnection

WIDTHS = itertools.count(100)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("interrupted"), {"render.processes": "1"})
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def asset(site):
    return site.put_inspected(encoded(scene(640, 480), "jpeg"))["id"]


@pytest.fixture
def target(site, asset):
    """A picture that nobody has asked for yet, and a renderer that is ready to make it."""
    assert site.get(f"/i/{asset}?w={next(WIDTHS)}&fm=png").status_code == 200
    return f"/i/{asset}?w={next(WIDTHS)}&fm=png"


@contextlib.contextmanager
def halted(site):
    """Its renderer stands still within."""
    [renderer] = children_of(site.process.pid)
    os.kill(renderer, signal.SIGSTOP)
    try:
        yield renderer
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(renderer, signal.SIGCONT)


def request(target, version="1.1", more=""):
    return f"GET {target} HTTP/{version}\r\nHost: a\r\n{more}\r\n".encode()


def wait_until_under_way(site):
    site.until(lambda: site.metric("render_running") >= 1)


def assert_picture(answer, target):
    status, headers, body = answer
    assert status == 200, body
    width = int(target.split("w=")[1].split("&")[0])
    assert decoded(body, headers["content-type"]).size[0] == width


def close_hard(connection):
    """By a reset, not by an orderly end."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


@pytest.mark.parametrize("version, more", [
    ("1.1", ""), ("1.1", "Connection: close\r\n"), ("1.0", ""),
    ("1.0", "Connection: keep-alive\r\n")])
def test_who_only_stops_sending_gets_its_picture(site, target, version, more):
    with RawConnection(site) as connection:
        with halted(site) as renderer:
            connection.send(request(target, version, more))
            wait_until_under_way(site)
            connection.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.2)
            assert children_of(site.process.pid) == [renderer]
        assert_picture(connection.answer(), target)
        assert connection.ended()


def test_who_stops_sending_at_once_gets_all_that_was_asked_for(site, asset):
    targets = [f"/i/{asset}?w={width}&fm=png" for width in (51, 52, 53, 51)]
    with RawConnection(site) as connection:
        with halted(site):
            connection.send(b"".join(map(request, targets)))
            connection.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.2)
        for one in targets:
            assert_picture(connection.answer(), one)
        assert connection.ended()


def test_who_stops_sending_hears_of_a_failure_too(site, target):
    with RawConnection(site) as connection:
        with halted(site) as renderer:
            connection.send(request(target))
            connection.socket.shutdown(socket.SHUT_WR)
            wait_until_under_way(site)
            os.kill(renderer, signal.SIGKILL)
        status, headers, body = connection.answer()
        assert status == 503 and b"RENDERER_LOST" in body and headers["retry-after"]
        assert connection.ended()


@pytest.mark.parametrize("close", [lambda connection: connection.socket.close(), close_hard],
                         ids=["closed", "reset"])
def test_a_render_ends_when_its_only_client_has_gone(site, target, close):
    with halted(site) as renderer:
        connection = RawConnection(site)
        connection.send(request(target))
        wait_until_under_way(site)
        close(connection)
        site.until(lambda: renderer not in children_of(site.process.pid), 10)
    site.until(lambda: len(children_of(site.process.pid)) == 1)
    assert site.get(target).status_code == 200


@pytest.mark.parametrize("close", [lambda connection: connection.socket.close(), close_hard],
                         ids=["closed", "reset"])
def test_a_render_goes_on_for_the_others_when_its_first_client_has_gone(site, target, close):
    made = site.metric("variant_render_duration_seconds_count")
    with RawConnection(site) as second:
        with halted(site) as renderer:
            first = RawConnection(site)
            first.send(request(target))
            wait_until_under_way(site)
            second.send(request(target))
            second.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.2)
            close(first)
            time.sleep(0.2)
            assert children_of(site.process.pid) == [renderer]
        assert_picture(second.answer(), target)
    assert site.metric("variant_render_duration_seconds_count") == made + 1


def test_a_renderer_that_is_killed_from_outside_is_no_fault_of_the_picture(site, target):
    answers = []
    with halted(site) as renderer:
        clients = [threading.Thread(target=lambda: answers.append(site.get(target)))
                   for _ in range(3)]
        for client in clients:
            client.start()
        wait_until_under_way(site)
        time.sleep(0.1)
        os.kill(renderer, signal.SIGKILL)
        for client in clients:
            client.join()
    for answer in answers:
        site.problem(answer, 503, "RENDERER_LOST")
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Cache-Control"] == "no-store"
    assert len(answers) == 3
    assert site.get(target).status_code == 200
    assert site.get("/healthz").status_code == 200


def test_what_ends_a_service_does_not_end_the_picture_under_way(site, target):
    """A service manager signals every process of the service at the same moment."""
    answers = []
    client = threading.Thread(target=lambda: answers.append(site.get(target)))
    with halted(site) as renderer:
        client.start()
        wait_until_under_way(site)
        for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(renderer, sent)
    client.join()
    assert answers[0].status_code == 200, answers[0].text
    assert children_of(site.process.pid) == [renderer]
