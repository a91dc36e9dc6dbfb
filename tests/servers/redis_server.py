# SPDX-License-Identifier: Apache-2.0
"""Redis as a cache is run: nothing on disk."""

import socket

from server_process import ServerProcess


class Redis(ServerProcess):
    name = "Redis"

    def __init__(self, folder):
        super().__init__(folder)
        self.url = f"redis://127.0.0.1:{self.port}"

    def command(self):
        return ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "",
                "--appendonly", "no", "--dir", self.folder]

    def answers(self):
        try:
            return self.ask("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def ask(self, *words):
        """One inline command; what it answers in its first packet."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.settimeout(5)
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(65536)
