# SPDX-License-Identifier: Apache-2.0
"""A large file by tus in pieces of 16 MiB, each acknowledged durable, against the same file as one
plain upload; both by a client that only calls sendfile, from the page cache."""

import os
import socket
import time

from measure import Figure, alternate
from row_uploads import MIB, random_file, settle
from subject import Server

PIECE = 16 * MIB


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.reader = self.socket.makefile("rb")

    def ask(self, method, target, file, offset, count, **fields):
        """The answer's headers; the body is that range of the file."""
        fields = {"Host": "x", "Content-Length": count} | fields
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        self.socket.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode())
        while count > 0:
            sent = os.sendfile(self.socket.fileno(), file, offset, count)
            offset, count = offset + sent, count - sent
        status = int(self.reader.readline().split()[1])
        headers = {}
        while (line := self.reader.readline().decode().strip()):
            name, value = line.split(": ", 1)
            headers[name.lower()] = value
        if "content-length" in headers and status != 204:
            self.reader.read(int(headers["content-length"]))
        if status not in (201, 204):
            raise SystemExit(f"bench: {method} {target} answered {status}")
        return headers


def by_tus(client, file, size):
    version = {"Tus_Resumable": "1.0.0"}
    url = client.ask("POST", "/v1/tus", file, 0, 0, Upload_Length=size, **version)["location"]
    for offset in range(0, size, PIECE):
        headers = client.ask("PATCH", url, file, offset, min(PIECE, size - offset),
                             Upload_Offset=offset, Content_Type="application/offset+octet-stream",
                             **version)
    if "calotype-asset" not in headers:
        raise SystemExit("bench: the upload did not become an asset")


def plainly(client, file, size):
    client.ask("POST", "/v1/assets", file, 0, size)


def run(bench):
    size = (128 if bench.quick else 1024) * MIB
    path = bench.folder / f"random-{size // MIB}"
    random_file(path, size)

    def rate(upload):
        with Server(bench.program, bench.folder / "resumable", {"http.io_threads": 2}) as server:
            settle(path)
            with open(path, "rb") as file:
                client = Client(server.port)
                began = time.perf_counter()
                upload(client, file.fileno(), size)
                seconds = time.perf_counter() - began
            server.idle()
        return size / MIB / seconds

    ours, plain = alternate(bench.rounds(5), lambda _: rate(by_tus), lambda _: rate(plainly))
    return [Figure("upload-resumable", f"{size // MIB} MiB by tus in pieces of 16 MiB", "MiB/s",
                   ours, plain, "one plain upload", 0.8)]
