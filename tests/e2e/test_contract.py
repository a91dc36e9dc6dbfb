# SPDX-License-Identifier: Apache-2.0
"""openapi.json held against the server: requests are made from the document itself, each parameter
of each operation in turn with many values, most of them bad, each with bodies and conditions that
have no business there. Every answer has a status that the operation lists, a problem document's
code is one of those it lists under that status, and JSON has the shape that it promises."""

import http.client
import json
import random
import re

import pytest
from picture_files import encoded, scene

STACKS = ("embedded", "cluster")
BAD = ["", "a", "0", "-1", "1.5", "1e9", "65536", "99999999999999999999", "true", "null", "%",
       "%zz", "%00", "%0d%0aX:%20y", "%ff", "%C3%A9", "..", "%2e%2e%2f", "*", "'%20OR%201=1--",
       "{}", "[]", "a=b", "a" * 3000, "+", ":", "sha256:", "sha256:" + "0" * 64, "a" * 26]
CONDITIONS = ['"x"', 'W/"x"', "*", "", "junk", ",,,", '"' * 40, "bytes=0-0", "bytes=9-0",
              "bytes=-0", "bytes=99999999999-", "bytes=0-1,4-5", "bytes=,",
              "Sun, 06 Nov 1994 08:49:37 GMT",
              "Fri, 31 Dec 9999 23:59:59 GMT", "\xe9", "a" * 3000, "sha-256=:AAAA:", "sha-256=:::",
              "attachment; filename", "image/*;q=0, */*;q=2", "attachment; filename*=UTF-8''%"]
BODIES = [b"", b"{", b"[]", b"null", b"{}", b"\xff\x00", b'{"name":1,"scopes":2}', b"[" * 20_000,
          b'{"name":"x","scopes":["read"]}', b'{"asset":"x","reason":1}',
          b'{"ids":["x"],"add_tags":["y"]}', b'{"filter":{"tag":"\\u0000"},"collection":"x"}',
          b'{"proof":1,"tags":{},"file_name":[]}',
          b"x" * 100_000]
FORM = "multipart/form-data; boundary=b"
BODY_TYPES = ["application/json", "application/octet-stream", FORM, "multipart/form-data", "\xe9"]


@pytest.fixture(scope="module")
def contract(site):
    return site.get("/openapi.json").json()


@pytest.fixture(scope="module")
def known(site):
    """Values for placeholders that name something that is there."""
    asset = site.put_inspected(encoded(scene(320, 200), "jpeg"))
    site.put(b"the file that nothing can be made of")
    return {"id": asset["id"], "upload": asset["uploads"][0]["id"], "variant": "thumb.webp",
            "name": "thumb", "region": "full", "size": "64,", "rotation": "0",
            "quality": "default.jpg", "signature": "unsafe", "rest": "plain/" + asset["id"]}


class Speaker:
    """A connection that sends targets as they are, and opens anew when the server has closed."""

    def __init__(self, site):
        self.connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)

    def ask(self, method, target, headers=None, body=None):
        self.connection.close()
        headers = {name: value.encode("latin-1") for name, value in (headers or {}).items()}
        try:
            self.connection.request(method, target, body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the body was read
        answer = self.connection.getresponse()
        endless = answer.headers["Content-Type"] == "text/event-stream"
        return answer.status, answer.headers, b"" if endless else answer.read()


def requests_of(operation, method, path, known, random_source):
    """(target, headers, body) of every trial."""
    parameters = operation.get("parameters", [])

    def target(values, query=""):
        filled = re.sub(r"\{(\w+)\}", lambda m: values.get(m[1]) or known.get(m[1], "x"), path)
        return filled + ("?" + query if query else "")

    in_path = [one["name"] for one in parameters if one["in"] == "path"]
    in_query = [one["name"] for one in parameters if one["in"] == "query"]
    in_head = [one["name"] for one in parameters if one["in"] == "header"]
    yield target({}), {}, None
    for name in in_path:
        for value in BAD:
            yield target({name: value.replace("/", "%2F")}), {}, None
    for name in [*in_query, "unknown", "%zz"]:
        for value in BAD:
            yield target({}, f"{name}={value}"), {}, None
        yield target({}, f"{name}=1&{name}=2"), {}, None
        yield target({}, name), {}, None
    for name in [*in_head, "Authorization", "Range", "Accept", "Content-Type", "Origin"]:
        for value in CONDITIONS:
            yield target({}), {name: value}, None
    for body in BODIES:
        for kind in BODY_TYPES:
            yield target({}), {"Content-Type": kind}, body
    for _ in range(40):  # several at once
        query = "&".join(f"{name}={random_source.choice(BAD)}"
                         for name in in_query if random_source.random() < 0.5)
        headers = {name: random_source.choice(CONDITIONS)
                   for name in in_head if random_source.random() < 0.5}
        yield target({}, query), headers, random_source.choice([None, None, b"x"])


def mismatch(contract, schema, value):
    """Where the value differs from the schema; None where it doesn't. As much of JSON Schema as the
    document uses."""
    if "$ref" in schema:
        schema = contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for part in schema.get("allOf", []):
        if wrong := mismatch(contract, part, value):
            return wrong
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is none of {schema['enum']}"
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
             "number": float, "null": type(None)}
    wanted = schema.get("type", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted and type(value) not in [kinds[kind] for kind in wanted]:
        return f"{value!r} is no {wanted}"
    if isinstance(value, list) and "items" in schema:
        return next(filter(None, (mismatch(contract, schema["items"], one) for one in value)), None)
    if not isinstance(value, dict):
        return None
    if missing := set(schema.get("required", [])) - set(value):
        return f"{missing} missing"
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties", {})
    if known and not rest and (more := set(value) - set(known)):
        return None if "allOf" in schema or not schema.get("required") else f"{more} undescribed"
    return next((f"{name}: {wrong}" for name, one in value.items()
                 if (wrong := mismatch(contract, known.get(name, rest or {}), one))), None)


def complaint(contract, operation, status, headers, body):
    """What is wrong with an answer; None where nothing is."""
    described = operation["responses"].get(str(status))
    kind = (headers["Content-Type"] or "").split(";")[0]
    if kind == "application/problem+json":
        problem = json.loads(body)
        if status == 400 and problem["code"] == "BAD_REQUEST" and described is None:
            return "a 400 that is not listed"
        if described is None or problem["code"] not in described.get("x-codes", []):
            return f"{status} {problem['code']} is not listed: {problem['detail']}"
        if problem["status"] != status or not problem["detail"] or not problem["title"]:
            return "the problem document is incomplete"
        return mismatch(contract, contract["components"]["schemas"][
            "ProofRequired" if status == 428 else "Problem"], problem)
    if described is None:
        return f"{status} is not listed"
    if status >= 400:
        return "a refusal that is no problem document"
    if kind == "application/json" and body and "content" in described:
        schema = described["content"].get("application/json", {}).get("schema")
        return schema and mismatch(contract, schema, json.loads(body))
    return None


def operations():
    """By name, so that each is a test of its own; the document itself comes from the server."""
    return ["GET /", "GET /page/{name}", "GET /v/{id}/{variant}", "GET /i/{id}",
            "GET /asset/{id}/variant/{name}",
            "GET /iiif/3/{id}", "GET /iiif/3/{id}/info.json",
            "GET /iiif/3/{id}/{region}/{size}/{rotation}/{quality}",
            "GET /imgproxy/{signature}/{rest}", "GET /cloudinary/image/upload/{rest}",
            "POST /v1/assets", "GET /v1/assets", "HEAD /v1/assets/{id}", "GET /v1/assets/{id}",
            "POST /v1/assets/{id}/uploads", "GET /v1/assets/{id}/events",
            "GET /v1/assets/{id}/variants", "GET /v1/assets/{id}/original",
            "PUT /v1/assets/{id}/focal-point", "DELETE /v1/assets/{id}/focal-point",
            "POST /v1/tus", "POST /v1/tus/", "HEAD /v1/tus/{upload}", "PATCH /v1/tus/{upload}",
            "DELETE /v1/tus/{upload}", "HEAD /v1/uploads/{upload}", "PATCH /v1/uploads/{upload}",
            "DELETE /v1/uploads/{upload}",
            "POST /v1/assets/bulk", "GET /v1/library", "GET /v1/sign", "POST /v1/takedowns",
            "GET /v1/takedowns", "GET /v1/takedowns/{id}", "DELETE /v1/takedowns/{id}",
            "GET /v1/search", "GET /v1/duplicates", "GET /v1/duplicates/{id}",
            "POST /v1/duplicates/merge", "POST /v1/assets/{id}/retry", "GET /v1/events",
            "GET /v1/jobs", "POST /v1/jobs/{id}/retry",
            "GET /v1/keys", "POST /v1/keys", "DELETE /v1/keys/{id}", "GET /healthz", "GET /readyz",
            "GET /metrics", "GET /openapi.json", "DELETE /v1/assets/{id}/uploads/{upload}",
            "DELETE /v1/assets/{id}"]


def test_every_operation_of_the_document_is_tried(contract):
    assert sorted(operations()) == sorted(
        f"{method.upper()} {path}" for path, methods in contract["paths"].items()
        for method in methods)


@pytest.mark.parametrize("name", operations())
def test_answers_are_those_that_the_document_lists(site, contract, known, name):
    method, path = name.split(" ", 1)
    operation = contract["paths"][path][method.lower()]
    if path.startswith("/cloudinary"):
        known = known | {"rest": f"w_64/v1/{known['id']}.jpg"}
    speaker = Speaker(site)
    seed = random.randrange(1 << 32)
    wrong, tried = [], 0
    for target, headers, body in requests_of(operation, method, path, known, random.Random(seed)):
        status, fields, content = speaker.ask(method, target, headers, body)
        tried += 1
        # What holds of every operation stands in the document's description.
        head_bytes = len(target) + sum(map(len, headers.values()))
        general = (status == 404 and b"ROUTE_NOT_FOUND" in content or
                   status == 413 and len(body or b"") > 65_536 or
                   status == 431 and head_bytes > 15_000)
        if general or (method == "HEAD" and str(status) in operation["responses"]):
            continue
        if said := complaint(contract, operation, status, fields, content):
            wrong.append(f"{method} {target[:120]} {headers} {(body or b'')[:40]} → {said}")
        if method == "GET" and body is None:
            again, _, nothing = speaker.ask("HEAD", target, headers)
            if nothing or (again != status and status not in (206, 416)):
                wrong.append(f"HEAD {target[:120]} {headers} → {again}, GET → {status}")
    assert not wrong, f"{len(wrong)} of {tried} (seed {seed}):\n" + "\n".join(wrong[:40])


def test_the_server_is_well_after_all_that(site, known):
    assert site.get("/healthz").status_code == 200
    assert site.get("/readyz").status_code == 200
    site.put(b"one more")
