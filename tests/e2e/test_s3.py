# SPDX-License-Identifier: Apache-2.0
"""The real program with its bytes in a real S3 (radosgw), by way of a proxy that counts requests
and breaks them: what is stored and sent, what a duplicate costs, what is said while S3 is away."""

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from calotype_server import RELEASE, find_program, plain_environment
from picture_files import encoded, scene
from s3_proxy import Fault, S3Proxy

URL = os.environ.get("CALOTYPE_TEST_S3", "")
pytestmark = pytest.mark.skipif(not URL, reason="CALOTYPE_TEST_S3 names no server")
MATCH = re.match(r"s3://([^/?]+).*endpoint=([^&]+)", URL) if URL else None
BUCKET, ENDPOINT = MATCH.groups() if MATCH else ("", "")


def boto():
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3", endpoint_url=ENDPOINT, region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}))


def keys(prefix):
    pages = boto().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return sorted(entry["Key"][len(prefix) + 1:] for page in pages
                  for entry in page.get("Contents", []))


def raw_key(content):
    digest = hashlib.sha256(content).hexdigest()
    return f"raw/{digest[:2]}/{digest[2:4]}/{digest}"


@pytest.fixture(name="prefix")
def fresh_prefix():
    return "t-" + uuid.uuid4().hex


@pytest.fixture(name="proxy")
def started_proxy():
    client = boto()

    def exists(path):
        try:
            client.head_object(Bucket=BUCKET, Key=path.removeprefix(f"/{BUCKET}/"))
            return True
        except client.exceptions.ClientError:
            return False

    with S3Proxy(ENDPOINT) as proxy:
        proxy.exists = exists
        yield proxy


@pytest.fixture(name="server")
def started_server(start_server, proxy, prefix):
    return start_server(settings(proxy, prefix))


def settings(proxy, prefix, **more):
    return {"blobs": proxy.url(BUCKET, prefix), "blobs.stall_timeout": "2s",
            "blobs.request_timeout": "6s", "lifecycle.scrub_interval": "500ms"} | more


def calotype(*arguments, **environment):
    return subprocess.run([find_program(), *arguments], capture_output=True, text=True, timeout=60,
                          env=plain_environment(**environment), check=False)


def forget_near(server):
    for file in (server.data / "s3/cache").glob("*/*"):
        file.unlink()


def test_an_upload_is_one_object_and_one_request(server, proxy, prefix):
    content = os.urandom(65536)
    proxy.forget()
    asset = server.put(content)
    assert keys(prefix)[:1] == [raw_key(content)]
    assert proxy.count("PUT", raw_key(content)) == 1
    assert proxy.count("HEAD", raw_key(content)) == 0
    assert boto().get_object(Bucket=BUCKET, Key=f"{prefix}/{raw_key(content)}")["Body"].read() == \
        content
    proxy.forget()
    again = server.put(content)
    assert again["id"] == asset["id"] and again["status"] == "EXISTING"
    assert proxy.count("PUT", "raw/") == 0, "a duplicate writes nothing"


@pytest.mark.parametrize("what", ["/v1/assets/{}/original", "/i/{}?w=600"])
@pytest.mark.parametrize("how", ["delete", "take down"])
def test_what_is_deleted_while_its_bytes_are_fetched_is_not_found(start_server, proxy, prefix,
                                                                  what, how):
    server = start_server(settings(proxy, prefix, **{
        "blobs.cache_max_bytes": 0, "blobs.stall_timeout": "60s", "blobs.request_timeout": "60s"}))
    content = encoded(scene(900, 700), "jpeg") + os.urandom(8)
    asset = server.put_inspected(content)["id"]
    fault = Fault("hold", "GET", raw_key(content), times=1)
    proxy.faults.append(fault)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(requests.get, server.url + what.format(asset), timeout=60)
        try:
            assert fault.held.wait(60), "nobody asked for the original"
            if how == "delete":
                assert server.delete(f"/v1/assets/{asset}").status_code == 204
            else:
                assert server.post("/v1/takedowns", json={"asset": asset}).status_code == 201
            server.until(lambda: raw_key(content) not in keys(prefix))
        finally:
            fault.let_go.set()
        server.problem(answer.result(), 404, "ASSET_NOT_FOUND")
    assert "request failed" not in server.log()


def test_verify_calls_nothing_missing_that_came_back_meanwhile(start_server, proxy, prefix):
    slow = settings(proxy, prefix, **{"verify.shares": 0, "blobs.stall_timeout": "60s",
                                      "blobs.request_timeout": "60s"})
    server = start_server(slow)
    content = os.urandom(5_000)
    server.put_settled(content)
    boto().delete_object(Bucket=BUCKET, Key=f"{prefix}/{raw_key(content)}")
    fault = Fault("hold_answer", "HEAD", raw_key(content), times=1)
    proxy.faults.append(fault)
    options = [word for key, value in slow.items() for word in ("--set", f"{key}={value}")]
    with ThreadPoolExecutor(1) as pool:
        verify = pool.submit(calotype, "verify", "--repair", "--json", "--data", str(server.data),
                             *options)
        try:
            assert fault.held.wait(60), "verify did not look for it"
            digest = "sha256:" + hashlib.sha256(content).hexdigest()
            assert server.delete(f"/v1/assets/{digest}").status_code == 204
            asset = server.put_settled(content)
        finally:
            fault.let_go.set()
        done = verify.result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content


def test_sixty_four_uploads_of_one_new_file_are_one_write(server, proxy):
    content = os.urandom(200_000)
    proxy.forget()
    with ThreadPoolExecutor(64) as pool:
        ids = set(pool.map(lambda _: requests.post(
            server.url + "/v1/assets", data=content, timeout=60).json()["id"], range(64)))
    assert len(ids) == 1
    assert sum(raw_key(content) in target for target in proxy.written) == 1


def test_an_object_that_is_there_is_kept(server, proxy, prefix):
    content = os.urandom(100_000)
    boto().put_object(Bucket=BUCKET, Key=f"{prefix}/{raw_key(content)}", Body=content)
    asset = server.put(content)
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content


def test_an_original_is_streamed_whole_and_in_ranges(server, proxy):
    content = os.urandom(5_000_001)
    asset = server.put(content)
    server.settled(asset["id"])
    forget_near(server)
    target = f"/v1/assets/{asset['id']}/original"
    whole = server.get(target)
    assert whole.status_code == 200 and whole.content == content
    assert whole.headers["Content-Length"] == str(len(content))
    for first, last in ((0, 99), (2_500_000, 2_600_000), (5_000_000, 5_000_000)):
        part = server.get(target, headers={"Range": f"bytes={first}-{last}"})
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
        assert part.content == content[first:last + 1]
    several = server.get(target, headers={"Range": "bytes=10-19,4000000-4000009"})
    assert content[10:20] in several.content and content[4000000:4000010] in several.content
    assert server.get(target, headers={"Range": "bytes=9999999-"}).status_code == 416
    assert server.session.head(server.url + target).headers["Content-Length"] == str(len(content))
    assert not list((server.data / "s3/cache").glob("*/*")), "nothing was downloaded first"


def test_ranges_are_right_even_where_the_server_gets_them_wrong(start_server, proxy, prefix):
    proxy.keeps_ranges = False  # radosgw over dbstore sends other bytes than those asked for
    server = start_server(settings(proxy, prefix))
    content = os.urandom(300_000)
    asset = server.put(content)
    server.settled(asset["id"])
    forget_near(server)
    part = server.get(f"/v1/assets/{asset['id']}/original",
                      headers={"Range": "bytes=100000-100099"})
    assert part.status_code == 206 and part.content == content[100000:100100]


def test_a_slow_client_holds_the_store_back(server, proxy):
    content = os.urandom(40_000_000)
    asset = server.put(content)
    server.settled(asset["id"])
    forget_near(server)
    before = server.metric("memory_usage_bytes", process="server")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(f"GET /v1/assets/{asset['id']}/original HTTP/1.1\r\nHost: x\r\n"
                       "Connection: close\r\n\r\n".encode())
        time.sleep(4)  # longer than blobs.stall_timeout: a paused transfer does not stall
        more = server.metric("memory_usage_bytes", process="server") - before
        assert more < (20_000_000 if RELEASE else 32_000_000)
        received = b""
        while piece := client.recv(1 << 20):
            received += piece
    assert received.partition(b"\r\n\r\n")[2] == content


def test_a_body_that_is_cut_goes_on(server, proxy):
    content = os.urandom(3_000_000)
    asset = server.put(content)
    server.settled(asset["id"])
    forget_near(server)
    proxy.faults = [Fault("cut", "GET", raw_key(content), times=2, after=1_000_000)]
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content


def test_wrong_bytes_are_never_a_whole_answer(server, proxy):
    content = os.urandom(2_000_000)
    asset = server.put(content)
    server.settled(asset["id"])
    forget_near(server)
    proxy.faults = [Fault("spoil", "GET", raw_key(content))]
    with pytest.raises(requests.RequestException):
        answer = server.get(f"/v1/assets/{asset['id']}/original")
        assert len(answer.content) < len(content)
        raise requests.RequestException("refused") if answer.status_code >= 500 else AssertionError
    proxy.faults = []
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content


def test_variants_are_made_and_survive_a_spoilt_object(start_server, proxy, prefix):
    server = start_server(settings(proxy, prefix, **{"delivery.hot_bytes_max": "0"}))
    asset = server.put_inspected(encoded(scene(900, 600), "jpeg"))
    said, _ = server.variant(asset, "thumb")
    server.until(lambda: [key for key in keys(prefix) if key.startswith("variants/")])
    proxy.faults = [Fault("spoil", "GET", "variants/")]
    again = server.get(said["url"])
    assert again.status_code == 200, "it is made anew"
    proxy.faults = []
    server.variant(asset, "thumb")


def test_slow_down_is_waited_for(server, proxy):
    proxy.faults = [Fault("slow_down", "PUT", "raw/", times=2)]
    server.put(os.urandom(10_000))


def test_an_answer_that_is_lost_costs_nothing(server, proxy, prefix):
    content = os.urandom(10_000)
    proxy.faults = [Fault("lose_answer", "PUT", raw_key(content), times=1)]
    asset = server.put(content)
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content
    assert keys(prefix).count(raw_key(content)) == 1


def test_while_s3_is_away_the_answer_is_an_honest_503(server, proxy):
    kept = os.urandom(20_000)
    asset = server.put(kept)
    server.settled(asset["id"])
    forget_near(server)
    proxy.faults = [Fault("refuse")]
    for answer in (server.post("/v1/assets", data=os.urandom(1000)),
                   server.get(f"/v1/assets/{asset['id']}/original")):
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
        assert "127.0.0.1" not in answer.text, "addresses are not the client's business"
    server.until(lambda: server.get("/readyz").status_code == 503, 5)
    server.problem(server.get("/readyz"), 503, "STORAGE_FAILED")
    assert server.get(f"/v1/assets/{asset['id']}").status_code == 200, "what needs no bytes goes on"
    proxy.faults = []
    server.until(lambda: server.get("/readyz").status_code == 200, 10)
    assert server.get(f"/v1/assets/{asset['id']}/original").content == kept
    server.put(os.urandom(1000))


def test_an_s3_that_hangs_does_not_hold_everything(server, proxy):
    proxy.faults = [Fault("hang", seconds=30)]
    began = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: requests.post(
            server.url + "/v1/assets", data=os.urandom(1000), timeout=60).status_code, range(40)))
    assert set(answers) == {503}
    assert time.monotonic() - began < 15

    def wait_for_refusal(_):
        start = time.monotonic()
        answer = requests.post(server.url + "/v1/assets", data=os.urandom(1000), timeout=60)
        assert answer.status_code == 503
        return time.monotonic() - start

    with ThreadPoolExecutor(4) as pool:
        waits = sorted(pool.map(wait_for_refusal, range(4)))
    assert waits[1] < 1, "but for one that finds out, it is known that S3 does not answer"
    proxy.faults = []
    server.until(lambda: server.post("/v1/assets", data=os.urandom(1000)).status_code == 201, 10)


def test_nothing_stays_behind_past_the_grace(start_server, proxy, prefix):
    server = start_server(settings(proxy, prefix, **{"lifecycle.grace": "1s"}))
    orphan = os.urandom(5000)
    boto().put_object(Bucket=BUCKET, Key=f"{prefix}/{raw_key(orphan)}", Body=orphan)
    owned = os.urandom(5000)
    asset = server.put(owned)
    server.until(lambda: raw_key(orphan) not in keys(prefix), 20)
    assert raw_key(owned) in keys(prefix)
    server.delete(f"/v1/assets/{asset['id']}")
    server.until(lambda: keys(prefix) == [], 20)


def test_what_is_near_survives_a_restart_and_is_checked(start_server, proxy, prefix):
    server = start_server(settings(proxy, prefix))
    content = os.urandom(50_000)
    asset = server.put(content)
    server.settled(asset["id"])
    near = list((server.data / "s3/cache").glob("*/raw+*"))
    assert [file.read_bytes() for file in near] == [content]
    assert server.stop() == 0
    server.start()
    proxy.forget()
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content
    assert proxy.count("GET", raw_key(content)) == 0
    assert server.stop() == 0
    near[0].write_bytes(b"x" * len(content))
    server.start()
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content
    assert server.metric("blob_cache_spoilt_total") == 1


def test_a_large_file_is_put_and_read(start_server, proxy, prefix):
    server = start_server(settings(proxy, prefix, **{"blobs.multipart_min": "8MiB",
                                                     "blobs.part_bytes": "5MiB"}))
    content = os.urandom(23_000_000)
    asset = server.put(content)
    forget_near(server)
    assert server.get(f"/v1/assets/{asset['id']}/original").content == content
    assert proxy.count("POST", "uploadId=") >= 1, "parts were tried"


def test_parts_that_fail_are_aborted(start_server, proxy, prefix):
    server = start_server(settings(proxy, prefix, **{"blobs.multipart_min": "8MiB",
                                                     "blobs.part_bytes": "5MiB"}))
    proxy.faults = [Fault("slow_down", "PUT", "partNumber=2")]
    answer = server.post("/v1/assets", data=os.urandom(23_000_000))
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
    assert proxy.count("POST", "uploads=") == proxy.count("DELETE", "uploadId=") == 1
    assert keys(prefix) == []


def test_a_server_without_conditions_is_asked_once(server, proxy):
    proxy.faults = [Fault("not_implemented", "PUT", "raw/", times=1)]
    for turn in (2, 1):
        content = os.urandom(10_000)
        proxy.forget()
        server.put(content)
        assert proxy.count("PUT", raw_key(content)) == turn


def test_a_stop_ends_long_transfers_and_leaves_nothing(start_server, proxy, prefix):
    server = start_server(settings(proxy, prefix, **{"http.drain_max": "1s",
                                                     "blobs.stall_timeout": "20s",
                                                     "blobs.request_timeout": "60s"}))
    proxy.faults = [Fault("hang", "PUT", "raw/", seconds=40)]

    def send():
        with contextlib.suppress(requests.RequestException):
            requests.post(server.url + "/v1/assets", data=os.urandom(20_000_000), timeout=60)

    upload = threading.Thread(target=send)
    upload.start()
    server.until(lambda: proxy.count("PUT", "raw/") > 0)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert time.monotonic() - began < 10
    upload.join()
    assert keys(prefix) == []


def test_keys_are_never_shown(server, proxy):
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    proxy.faults = [Fault("refuse")]
    server.post("/v1/assets", data=os.urandom(1000))
    assert secret not in server.log()
    shown = calotype("config", "--set", f"blobs={URL}")
    assert shown.returncode == 0 and secret not in shown.stdout
    assert "********" in shown.stdout and "AWS_SECRET_ACCESS_KEY" in shown.stdout


def test_storage_check_says_what_is_wrong():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = probe.getsockname()[1]
    rows = [
        ({}, f"s3://{BUCKET}/x?endpoint={ENDPOINT}", None),
        ({}, f"s3://no-such-bucket/x?endpoint={ENDPOINT}", "has no bucket no-such-bucket"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, f"s3://{BUCKET}?endpoint={ENDPOINT}",
         "the secret key is not that of the access key"),
        ({"AWS_ACCESS_KEY_ID": "NOBODYSKEY"}, f"s3://{BUCKET}?endpoint={ENDPOINT}",
         "does not know the access key"),
        ({}, f"s3://{BUCKET}?endpoint=http://127.0.0.1:{nobody}", "does not answer"),
        ({}, "s3://Bad_Bucket", "is no name of a bucket"),
        ({}, f"s3://key:secret@{BUCKET}", "keys do not belong into the URL"),
    ]
    for environment, url, wanted in rows:
        said = calotype("storage", "check", "--set", f"blobs={url}", "--set",
                        "blobs.request_timeout=3s", **environment)
        text = said.stdout + said.stderr
        if wanted:
            assert said.returncode == 1 and wanted in text, text
        else:
            assert "ok      put an object" in text and "ok      get it back" in text
    assert not [key for key in keys("x") if key], "the probe is gone"


def test_a_wrong_setting_is_refused_at_the_start(tmp_path):
    said = calotype("serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--set",
                    f"blobs=s3://no-such-bucket?endpoint={ENDPOINT}")
    assert said.returncode == 1
    assert "has no bucket no-such-bucket" in said.stderr and "BAD_CONFIG" in said.stderr


def test_the_lifecycle_is_applied_beside_others_rules(prefix):
    client = boto()
    foreign = {"ID": f"others-{prefix}", "Status": "Enabled", "Filter": {"Prefix": "logs/"},
               "Expiration": {"Days": 7}}
    client.put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": [foreign]})
    for days in ("30", "45"):
        said = calotype("storage", "apply-lifecycle", "--days", days, "--set",
                        f"blobs=s3://{BUCKET}/{prefix}?endpoint={ENDPOINT}")
        assert said.returncode == 0, said.stderr
        assert f"after {days} days" in said.stdout
        rules = {rule["ID"]: rule for rule in
                 client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]}
        assert rules[foreign["ID"]]["Expiration"]["Days"] == 7
        ours = rules[f"calotype:{prefix}/:variants-infrequent"]
        assert ours["Transitions"] == [{"Days": int(days), "StorageClass": "STANDARD_IA"}]
        assert ours["Filter"]["Prefix"] == f"{prefix}/variants/"
        assert rules[f"calotype:{prefix}/:parts-aborted"]["AbortIncompleteMultipartUpload"]
    client.delete_bucket_lifecycle(Bucket=BUCKET)
