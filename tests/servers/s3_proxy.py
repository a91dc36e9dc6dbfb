# SPDX-License-Identifier: Apache-2.0
"""Between a program and an S3 server: passes requests on (with their Host, which is signed), writes
them down, and does to them what a test says: refuses, hangs, cuts, spoils. It also does what the
server behind it should and does not: it holds If-None-Match, and sends the ranges asked for."""

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_DOWN = (b'<?xml version="1.0"?><Error><Code>SlowDown</Code>'
             b"<Message>Please reduce your request rate.</Message></Error>")
NOT_IMPLEMENTED = b'<?xml version="1.0"?><Error><Code>NotImplemented</Code></Error>'
EXISTS = b'<?xml version="1.0"?><Error><Code>PreconditionFailed</Code></Error>'


class Fault:
    """One thing to do to requests of that method whose target has that in it, so many times."""

    def __init__(self, action, method="", target="", times=10**9, after=0, seconds=60):
        self.action, self.method, self.target = action, method, target
        self.times, self.after, self.seconds = times, after, seconds
        self.held, self.let_go = threading.Event(), threading.Event()

    def takes(self, method, target):
        if self.times <= 0 or self.method not in ("", method) or self.target not in target:
            return False
        self.times -= 1
        return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        proxy = self.server.proxy
        size = int(self.headers.get("Content-Length") or 0)
        fault = proxy.begin(self.command, self.path, dict(self.headers.items()))
        if fault and fault.action == "refuse":
            return self.drop()
        body = self.rfile.read(size)
        if fault and fault.action == "hang":
            proxy.ended.wait(fault.seconds)
            return self.drop()
        if fault and fault.action == "hold":
            fault.held.set()
            fault.let_go.wait(fault.seconds)
        if fault and fault.action == "slow_down":
            return self.answer(503, [], SLOW_DOWN)
        if fault and fault.action == "not_implemented":
            return self.answer(501, [], NOT_IMPLEMENTED)
        if proxy.holds_conditions and self.headers.get("If-None-Match") == "*" and \
                proxy.is_there(self.path):
            return self.answer(412, [], EXISTS)
        headers = {name: value for name, value in self.headers.items()}
        wanted = headers.pop("Range", None) if proxy.keeps_ranges else None
        status, fields, answer = proxy.ask(self.command, self.path, headers, body)
        if self.command == "PUT" and status == 200:
            with proxy.lock:
                proxy.written.append(self.path)
        if fault and fault.action == "hold_answer":
            fault.held.set()
            fault.let_go.wait(fault.seconds)
        if fault and fault.action == "lose_answer":
            return self.drop()
        if wanted and status == 200:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            first, last = int(first), min(int(last or len(answer) - 1), len(answer) - 1)
            fields.append(("Content-Range", f"bytes {first}-{last}/{len(answer)}"))
            status, answer = 206, answer[first:last + 1]
        if fault and fault.action == "spoil" and answer:
            at = len(answer) // 2
            answer = answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1:]
        cut = fault.after if fault and fault.action == "cut" else None
        return self.answer(status, fields, answer, cut)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def answer(self, status, fields, body, cut=None):
        self.send_response_only(status)
        for name, value in fields:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = next((value for name, value in fields if name.lower() == "content-length"), None)
        self.send_header("Content-Length", length if self.command == "HEAD" and length
                         else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.drop()

    def drop(self):
        self.close_connection = True
        try:
            self.wfile.flush()
            self.connection.shutdown(2)
        except OSError:
            pass


class S3Proxy:
    """`with S3Proxy(radosgw) as proxy:`; proxy.url(prefix) is a `blobs` setting."""

    def __init__(self, endpoint):
        self.host = endpoint.removeprefix("http://")
        self.faults, self.requests, self.written = [], [], []
        self.holds_conditions, self.keeps_ranges = True, True
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.local = threading.local()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.proxy = self
        self.port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, bucket, prefix):
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}&region=us-east-1"

    def begin(self, method, target, headers):
        with self.lock:
            self.requests.append((time.monotonic(), method, target, headers))
            return next((fault for fault in self.faults if fault.takes(method, target)), None)

    def count(self, method, part):
        with self.lock:
            return sum(1 for _, used, target, _ in self.requests
                       if used == method and part in target)

    def forget(self):
        with self.lock:
            self.requests.clear()
            self.written.clear()

    def ask(self, method, target, headers, body):
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = self.local.connection = http.client.HTTPConnection(self.host)
            try:
                connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body or None)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (http.client.HTTPException, OSError):
                self.local.connection = None
                if attempt == 2:
                    return 502, [], b""
        return 502, [], b""

    def is_there(self, target):
        return self.exists(target.partition("?")[0]) if self.exists else False

    exists = None  # set by whoever can ask: path -> bool
