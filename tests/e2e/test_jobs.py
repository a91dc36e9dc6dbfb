# SPDX-License-Identifier: Apache-2.0
"""Durable work through the real program, with the renderer that misbehaves on marked pictures
(src/render/renderer/faulty_main.cpp): a job that fails is tried three times and becomes a dead
letter, the asset says why, others are served meanwhile, and a retry starts anew."""

import struct
import time

import pytest
from calotype_server import Server, children_of, find_program
from picture_files import encoded, scene

STACKS = ("embedded", "cluster")


def settings():
    faulty = find_program().parent / "calotype-renderer-faulty"
    assert faulty.exists(), "calotype-renderer-faulty is built with the tests"
    return {"render.program": faulty, "render.inspect_timeout": "1s",
            "render.process_memory_max": "256MiB"}


@pytest.fixture(scope="module")
def site(make_server, tmp_path_factory):
    server = make_server(tmp_path_factory.mktemp("faulty"), settings())
    server.start()
    yield server
    assert server.stop() == 0


def with_fault(name, size=(320, 240)):
    """A sound JPEG that carries the marker in a comment, so that only the faulty renderer minds."""
    content = encoded(scene(*size), "jpeg")
    comment = f"calotype-fault:{name} ".encode()
    return content[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + content[2:]


def dead_jobs(site, asset):
    return [job for job in site.get("/v1/jobs?state=dead&limit=1000").json()["jobs"]
            if job["asset_id"] == asset]


def events(site, asset):
    return [(event["from"], event["to"])
            for event in site.get(f"/v1/assets/{asset}/events").json()["events"]]


@pytest.fixture(scope="module")
def crashed(site):
    """An asset whose inspection has crashed the renderer as often as is allowed."""
    return site.put_settled(with_fault("crash"))


def test_the_suite_runs_the_faulty_renderer(site):
    names = set()
    for process in children_of(site.process.pid):
        with open(f"/proc/{process}/cmdline", "rb") as file:
            names.add(file.read().split(b"\0")[0].rsplit(b"/", 1)[-1])
    assert b"calotype-renderer-faulty" in names, names


def test_three_attempts_make_a_dead_letter(site, crashed):
    [job] = dead_jobs(site, crashed["id"])
    assert job["kind"] == "inspect" and job["lane"] == "metadata"
    assert job["key"] == f"inspect:{crashed['id']}"
    assert job["state"] == "dead" and job["attempts"] == 3
    assert job["last_error"].startswith("RENDERER_FAILED")
    assert site.metric("job_failed_total", kind="inspect", lane="metadata") >= 3


def test_the_asset_says_why_it_failed(site, crashed):
    assert crashed["state"] == "METADATA_FAILED"
    assert crashed["failure"]["code"] == "RENDERER_FAILED"
    assert len(crashed["failure"]["message"]) > 10
    assert events(site, crashed["id"]) == [
        (None, "INGESTED"), ("INGESTED", "DEDUP_CHECK"), ("DEDUP_CHECK", "METADATA_FAILED")]
    site.problem(site.get(f"/asset/{crashed['id']}/variant/thumb"), 422, "NOT_RENDERABLE")
    assert site.get(f"/v1/assets/{crashed['id']}/original").content == with_fault("crash")


def test_events_are_numbered_and_timed(site, crashed):
    listed = site.get(f"/v1/assets/{crashed['id']}/events").json()["events"]
    assert [event["seq"] for event in listed] == sorted({event["seq"] for event in listed})
    assert [event["at"] for event in listed] == sorted(event["at"] for event in listed)
    assert all(event["because"] for event in listed)


@pytest.mark.parametrize("fault", ["loop", "allocate", "nonsense", "close", "forge-inspection"])
def test_every_misbehaviour_ends_in_a_reason_and_a_working_server(site, fault):
    asset = site.put_settled(with_fault(fault))
    assert asset["state"] == "METADATA_FAILED" and asset["failure"]["message"]
    assert site.put_inspected(encoded(scene(200 + len(fault), 150), "png"))
    assert site.get("/healthz").status_code == 200


@pytest.mark.parametrize("fault, call", [
    ("open", "open"), ("write-file", "open"), ("socket", "socket"), ("exec", "exec"),
    ("fork", "fork"), ("ptrace", "ptrace"),
])
def test_a_decoder_that_was_taken_over_gets_nowhere(site, fault, call):
    asset = site.put_settled(with_fault(fault))
    assert asset["state"] == "METADATA_FAILED"
    assert f"{call} succeeded" not in asset["failure"]["message"]


def test_others_are_served_while_one_loops(site):
    good = site.put_inspected(encoded(scene(640, 480), "jpeg"))
    looping = site.put(with_fault("loop", (322, 240)))["id"]
    site.until(lambda: site.get(f"/v1/assets/{looping}").json()["state"] == "DEDUP_CHECK")
    began = time.monotonic()
    for width in range(100, 110):
        assert site.get(f"/i/{good['id']}?w={width}&fm=webp").status_code == 200
    assert time.monotonic() - began < 10
    site.settled(looping)


def test_pending_inspections_answer_202(site):
    asset = site.put(with_fault("loop", (323, 240)))["id"]
    for target in (f"/asset/{asset}/variant/thumb", f"/i/{asset}?w=100"):
        answer = site.get(target)
        site.problem(answer, 202, "ASSET_PROCESSING")
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
    site.settled(asset)


def test_a_dead_job_is_retried_by_the_api(site):
    asset = site.put_settled(with_fault("crash", (324, 240)))["id"]
    [job] = dead_jobs(site, asset)
    answer = site.post(f"/v1/jobs/{job['id']}/retry")
    assert answer.status_code == 202, answer.text
    site.until(lambda: ("METADATA_FAILED", "INGESTED") in events(site, asset))
    site.until(lambda: events(site, asset).count(("DEDUP_CHECK", "METADATA_FAILED")) == 2, 60)
    assert [job["attempts"] for job in dead_jobs(site, asset)] == [3], "all were given again"


def test_a_failed_asset_is_retried_by_the_api(site):
    asset = site.put_settled(with_fault("crash", (325, 240)))["id"]
    assert site.post(f"/v1/assets/{asset}/retry").status_code == 202
    site.until(lambda: ("METADATA_FAILED", "INGESTED") in events(site, asset))
    site.until(lambda: events(site, asset).count(("DEDUP_CHECK", "METADATA_FAILED")) == 2, 60)


def test_what_cannot_be_retried_is_refused(site):
    good = site.put_inspected(encoded(scene(333, 222), "png"))["id"]
    site.problem(site.post(f"/v1/assets/{good}/retry"), 409, "ILLEGAL_TRANSITION")
    site.problem(site.post("/v1/assets/" + "a" * 26 + "/retry"), 404, "ASSET_NOT_FOUND")
    site.problem(site.post("/v1/jobs/nothing/retry"), 404, "JOB_NOT_FOUND")
    site.problem(site.get("/v1/jobs?state=asleep"), 400, "BAD_REQUEST")


def test_dead_letters_by_command_and_cured_by_a_better_renderer(start_server):
    server = start_server(settings())
    asset = server.put_settled(with_fault("crash", (326, 240)))["id"]
    table = server.command("jobs", "--dead").stdout
    assert "inspect" in table and asset in table and "RENDERER_FAILED" in table
    [job] = server.command_json("jobs", "--dead")["jobs"]
    assert server.stop() == 0
    del server.settings["render.program"]
    server.start()
    assert [one["id"] for one in server.command_json("jobs", "--dead")["jobs"]] == [job["id"]]
    done = server.command("retry", job["id"])
    assert done.returncode == 0, done.stderr
    server.until(lambda: server.settled(asset)["state"] == "METADATA_READY")
    found = server.get(f"/v1/assets/{asset}").json()
    assert (found["width"], found["height"]) == (326, 240) and found["failure"] is None
    assert server.command("jobs", "--dead").stdout == "No dead jobs.\n"
    done = server.command("retry", job["id"])
    assert done.returncode == 1 and "JOB_NOT_FOUND" in done.stderr
    assert server.get(server.get(f"/v1/assets/{asset}").json()["urls"]["thumb"]).status_code == 200


def test_a_variant_that_ends_its_renderer_says_so(start_server):
    server = start_server()
    asset = server.put_inspected(with_fault("crash", (400, 300)))["id"]
    good = server.put_inspected(encoded(scene(401, 300), "jpeg"))["id"]
    assert server.stop() == 0
    server.settings |= settings()
    server.start()
    for _ in range(2):
        answer = server.get(f"/i/{asset}?w=390&fm=webp")
        server.problem(answer, 500, "VARIANT_GENERATION_FAILED")
        assert answer.headers["Cache-Control"] == "no-store"
    assert server.get(f"/i/{good}?w=390&fm=webp").status_code == 200
    stored = server.get(f"/v1/assets/{asset}/variants").json()["variants"]
    assert stored == [] and server.get("/healthz").status_code == 200


def test_jobs_are_listed_in_pages(site, crashed):
    first = site.get("/v1/jobs?limit=1").json()
    assert len(first["jobs"]) == 1
    seen, cursor = [job["id"] for job in first["jobs"]], first["next"]
    while cursor:
        page = site.get("/v1/jobs", params={"limit": 1, "cursor": cursor}).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) >= 2


def test_a_deleted_asset_takes_its_dead_letter_along(site):
    asset = site.put_settled(with_fault("crash", (327, 240)))["id"]
    assert dead_jobs(site, asset)
    assert site.delete(f"/v1/assets/{asset}").status_code == 204
    assert not [job for job in dead_jobs(site, asset) if job["kind"] == "inspect"]
    assert events(site, asset)[-1] == ("METADATA_FAILED", "DELETED")
    site.problem(site.get(f"/v1/assets/{asset}"), 404, "ASSET_NOT_FOUND")


def test_a_restart_finishes_what_was_pending(start_server):
    server = start_server({"jobs.metadata_concurrency": "1"})
    ids = [server.put(encoded(scene(300 + number, 200), "png"))["id"] for number in range(12)]
    server.kill()
    server.start()
    for asset in ids:
        assert server.settled(asset)["state"] == "METADATA_READY"
    waiting = [job for job in server.get("/v1/jobs").json()["jobs"] if job["kind"] == "inspect"]
    assert waiting == []
