# SPDX-License-Identifier: Apache-2.0
"""HTTP as bytes, for what a proper client library will not send."""

import socket


class RawConnection:
    def __init__(self, server, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        try:
            chunk = self.socket.recv(1 << 16)
        except ConnectionResetError:
            chunk = b""
        self.buffer += chunk
        return bool(chunk)

    def answer(self, head_only=False):
        """(status, headers, body) of the next answer; None where the connection has ended."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        status = int(first.split()[1])
        empty = head_only or status < 200 or status in (204, 304)
        length = 0 if empty else int(headers.get("content-length", 0))
        while len(self.buffer) < length:
            if not self._more():
                return None
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return status, headers, body

    def ended(self):
        """Whether the server closes without another byte."""
        while self._more():
            pass
        return not self.buffer


def ask(server, data):
    """The first answer to these bytes on a connection of their own."""
    with RawConnection(server) as connection:
        connection.send(data)
        return connection.answer()
