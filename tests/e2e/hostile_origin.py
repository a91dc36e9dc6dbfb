# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that means no good, for those who fetch from URLs: one thread a connection, each
path another trick."""

import gzip
import socket
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

CONTENT = bytes(range(256)) * 400
MIB = 1 << 20


class HostileOrigin:
    def __init__(self, address="127.0.0.1"):
        self.socket = socket.create_server((address, 0))
        self.host, self.port = self.socket.getsockname()[:2]
        self.ended = threading.Event()
        self.asked = []  # targets
        self.heads = []
        self.left = threading.Event()  # somebody went away in the middle
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path, host=None):
        return f"http://{host or self.host}:{self.port}{path}"

    def close(self):
        self.ended.set()
        self.socket.close()

    def accept(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(4096)
                if not piece:
                    return
                head += piece
            self.heads.append(head.decode())
            target = urlsplit(head.split()[1].decode())
            self.asked.append(target.path)
            try:
                getattr(self, "do" + target.path.replace("/", "_").split(".")[0],
                        self.do_missing)(connection, parse_qs(target.query))
            except OSError:
                self.left.set()

    @staticmethod
    def answer(connection, body=b"", status="200 OK", **fields):
        fields = {"Content-Length": len(body)} | \
            {name.replace("_", "-"): value for name, value in fields.items()}
        lines = [f"HTTP/1.1 {status}", "Connection: close",
                 *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def do_missing(self, connection, _):
        self.answer(connection, b"nothing here", "404 Not Found")

    def do_photo(self, connection, _):
        self.answer(connection, CONTENT)

    def do_named(self, connection, _):
        self.answer(connection, CONTENT,
                    Content_Disposition="attachment; filename=\"../../etc/from the head.bin\"")

    def do_redirect(self, connection, query):
        self.answer(connection, b"elsewhere", query.get("status", ["302"])[0] + " Found",
                    Location=unquote(query["to"][0]))

    def do_loop(self, connection, _):
        self.answer(connection, b"", "302 Found", Location="/loop")

    def do_empty(self, connection, _):
        self.answer(connection)

    def do_short(self, connection, _):
        self.answer(connection, CONTENT, Content_Length=len(CONTENT) + 1)

    def do_long(self, connection, _):
        self.answer(connection, CONTENT + b"and more", Content_Length=len(CONTENT))

    def do_unsized(self, connection, _):
        self.answer(connection, CONTENT, Content_Length=None)

    def do_chunked(self, connection, _):
        self.answer(connection, b"%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT),
                    Content_Length=None, Transfer_Encoding="chunked")

    def do_cut_chunk(self, connection, _):
        self.answer(connection, b"%x\r\n%s" % (len(CONTENT) * 2, CONTENT), Content_Length=None,
                    Transfer_Encoding="chunked")

    def do_huge(self, connection, _):
        self.answer(connection, b"x", Content_Length=1 << 50)

    def do_endless(self, connection, _):
        self.answer(connection, Content_Length=None)
        while not self.ended.is_set():
            connection.sendall(b"endless " * 8192)

    def do_slow(self, connection, _):
        self.answer(connection, Content_Length=1000)
        while not self.ended.is_set():
            connection.sendall(b"s")
            time.sleep(0.2)

    def do_silent(self, _, __):
        self.ended.wait(60)

    def do_bomb(self, connection, _):
        self.answer(connection, gzip.compress(bytes(50 * MIB)), Content_Encoding="gzip")

    def do_nonsense(self, connection, _):
        connection.sendall(b"\x00\x01 this is no HTTP\r\n\r\n")

    def flood(self, connection, head, more):
        connection.sendall(head)
        while not self.ended.is_set():
            connection.sendall(more)

    def do_endless_head(self, connection, _):
        self.flood(connection, b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100)

    def do_endless_field(self, connection, _):
        self.flood(connection, b"HTTP/1.1 200 OK\r\nX-Long: ", b"long" * 1024)

    def do_endless_hints(self, connection, _):
        self.flood(connection, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)

    def do_endless_trailer(self, connection, _):
        self.flood(connection, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"5\r\nhello\r\n0\r\n", b"X-More: and more\r\n" * 100)

    def do_endless_redirect(self, connection, _):
        self.flood(connection, b"HTTP/1.1 302 Found\r\nLocation: /photo\r\n\r\n", b"x" * 65536)

    def do_nonsense_chunk(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n")

    def do_two_lengths(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                           b"Content-Length: 9\r\n\r\nhello")

    def do_negative(self, connection, _):
        self.answer(connection, b"hello", Content_Length=-5)

    def do_part(self, connection, _):
        self.answer(connection, b"hello", "206 Partial Content", Content_Range="bytes 0-4/10")

    def do_unchanged(self, connection, _):
        connection.sendall(b"HTTP/1.1 304 Not Modified\r\n\r\n")

    def do_switch(self, connection, _):
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello")

    def do_locked(self, connection, _):
        self.answer(connection, b"", "401 Unauthorized", WWW_Authenticate="Basic realm=x")

    def do_failing(self, connection, _):
        self.answer(connection, b"out of order", "503 Service Unavailable")
