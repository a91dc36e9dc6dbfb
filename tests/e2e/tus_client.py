# SPDX-License-Identifier: Apache-2.0
"""tus 1.0 as a client speaks it, request by request, so that a test can do what no client does."""

import base64
import hashlib
import zlib

from raw_http import RawConnection

VERSION = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}


def encoded(**pairs):
    """Upload-Metadata."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}".strip()
                    for key, value in pairs.items())


def checksum(algorithm, data):
    """Upload-Checksum."""
    digest = zlib.crc32(data).to_bytes(4, "big") if algorithm == "crc32" else \
        hashlib.new(algorithm, data).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


class Tus:
    def __init__(self, server):
        self.server = server

    def request(self, method, target, data=None, **fields):
        headers = {key: value for key, value in (VERSION | fields).items() if value is not None}
        return self.server.session.request(method, self.server.url + target, data=data,
                                           headers=headers, timeout=60)

    def create(self, length=None, data=None, **fields):
        if length is not None:
            fields["Upload-Length"] = str(length)
        if data is not None:
            fields = BODY | fields
        return self.request("POST", "/v1/tus/", data, **fields)

    def begun(self, length=None, **fields):
        """The URL of a new upload."""
        answer = self.create(length, **fields)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def head(self, url):
        return self.request("HEAD", url)

    def offset(self, url):
        answer = self.head(url)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def patch(self, url, offset, data, **fields):
        return self.request("PATCH", url, data, **(BODY | {"Upload-Offset": str(offset)} | fields))

    def send(self, url, content, chunk, offset=0):
        """All of it from there on; the last answer."""
        while True:
            piece = content[offset:offset + chunk]
            answer = self.patch(url, offset, piece)
            assert answer.status_code == 204, answer.text
            offset += len(piece)
            assert answer.headers["Upload-Offset"] == str(offset)
            if offset == len(content):
                return answer

    def begin_patch(self, url, offset, length, **fields):
        """A connection whose body is still to come."""
        fields = VERSION | BODY | {"Upload-Offset": offset, "Content-Length": length} | fields
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection = RawConnection(self.server)
        connection.send(f"PATCH {url} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        return connection
