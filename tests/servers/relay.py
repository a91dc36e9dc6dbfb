# SPDX-License-Identifier: Apache-2.0
"""A TCP relay between the program and a server that it stands on, for connections that end, or go
silent, at the worst moment."""

import contextlib
import socket
import ssl
import subprocess
import threading


class Relay:
    def __init__(self, port):
        self.target = port
        self.flowing = threading.Event()
        self.flowing.set()
        self.ends = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def freeze(self):
        """Connections stay, and nothing comes through any more."""
        self.flowing.clear()

    def thaw(self):
        self.flowing.set()

    def cut(self):
        """Ends every connection there is; new ones are let in."""
        ends, self.ends = self.ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
        self.thaw()
        self.cut()

    def may_pass(self, data):
        """Of what a client sends. False: it is never sent, and the connection is over."""
        return True

    def welcome(self, client):
        """What is done with a connection before anything goes through it."""
        return client

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
                client = self.welcome(client)
            except OSError:
                client.close()
                continue
            self.ends += [client, server]
            for source, sink, ask in ((client, server, self.may_pass),
                                      (server, client, lambda _: True)):
                threading.Thread(target=self.pump, args=(source, sink, ask), daemon=True).start()

    def pump(self, source, sink, may_pass):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self.flowing.wait()
                if not may_pass(data):
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class TlsRelay(Relay):
    """Speaks TLS to its clients, and plainly to the server behind it."""

    def __init__(self, port, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        super().__init__(port)

    def welcome(self, client):
        client.settimeout(10)
        client = self.context.wrap_socket(client, server_side=True)
        client.settimeout(None)
        return client


def make_certificate(folder, host):
    """A key and a certificate that vouches for itself, as paths."""
    key, certificate = folder / f"{host}.key", folder / f"{host}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={host}",
                    "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1", "-keyout", key, "-out",
                    certificate], check=True, capture_output=True)
    return certificate, key
