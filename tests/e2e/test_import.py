# SPDX-License-Identifier: Apache-2.0
"""`calotype import`: a library comes in once, whatever is in it, and a second run reads nothing
again; interrupted anywhere, nothing that was acknowledged is lost or sent twice."""

import hashlib
import json
import os
import random
import secrets
import signal
import subprocess
import time

import pytest
from calotype_server import plain_environment, run_command

STACKS = ("embedded", "cluster")
SEED = random.SystemRandom().randrange(10**9)


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "library"
    source = random.Random(SEED)
    contents = {}
    for number in range(30):
        name = f"{2000 + number % 3}/album {number % 5}/photo {number:02}.jpg"
        contents[name] = source.randbytes(5_000 + number)
    contents["2001/copy.png"] = contents["2000/album 0/photo 00.jpg"]
    contents["again.JPG"] = contents["2000/album 0/photo 00.jpg"]
    contents["film.mp4"] = source.randbytes(1_500_000)
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder, contents


def imported(server, source, *more, code=0, environment=None):
    done = server.command("import", source, "--json", "--journal", server.folder / "journal", *more,
                          environment=environment)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout), done.stderr


def uploads(server):
    """Every upload's file name and content hash."""
    found = []
    cursor = ""
    while True:
        page = server.get(f"/v1/assets?limit=1000&cursor={cursor}").json()
        for entry in page["assets"]:
            asset = server.get(f"/v1/assets/{entry['id']}").json()
            found += [(upload["file_name"], asset["sha256"]) for upload in asset["uploads"]]
        if not page["next"]:
            return sorted(found)
        cursor = page["next"]


def digests(contents):
    return sorted((name, hashlib.sha256(content).hexdigest()) for name, content in contents.items())


def bytes_in(server):
    return server.metric("ingested_bytes_total")


def test_a_library_comes_in_with_its_names_and_a_second_run_sends_nothing(start_server, library):
    server = start_server()
    folder, contents = library
    said, _ = imported(server, folder, "--tag", "archive")
    assert (said["files"], said["new"], said["duplicates"], said["failed"]) == (33, 31, 2, 0)
    assert said["saved_bytes"] == 2 * 5_000 and said["bytes"] == sum(map(len, contents.values()))
    assert uploads(server) == digests(contents)
    asset = hashlib.sha256(contents["film.mp4"]).hexdigest()
    assert server.get(f"/v1/assets/sha256:{asset}").json()["uploads"][0]["tags"] == ["archive"]
    before = bytes_in(server)
    said, _ = imported(server, folder)
    assert (said["unchanged"], said["new"], said["duplicates"], said["sent_bytes"]) == (33, 0, 0, 0)
    assert uploads(server) == digests(contents) and bytes_in(server) == before

    # What is new and what was changed comes in; the rest is left alone.
    (folder / "new.webp").write_bytes(b"a new one")
    (folder / "again.JPG").write_bytes(b"another content of the same name")
    said, _ = imported(server, folder)
    assert (said["unchanged"], said["new"]) == (32, 2)

    # What was deleted on the server comes in again.
    gone = hashlib.sha256(b"a new one").hexdigest()
    assert server.delete(f"/v1/assets/sha256:{gone}").status_code == 204
    said, _ = imported(server, folder)
    assert (said["unchanged"], said["new"]) == (33, 1)


def test_without_a_journal_the_server_s_own_content_is_not_sent(start_server, library):
    server = start_server()
    folder, contents = library
    imported(server, folder)
    before = bytes_in(server)
    (server.folder / "journal").unlink()
    said, _ = imported(server, folder)
    assert said["duplicates"] == 33 and said["new"] == 0
    assert said["saved_bytes"] == sum(map(len, contents.values()))
    assert bytes_in(server) - before < said["bytes"] / 2


def test_what_is_odd_is_named_and_stops_nothing(start_server, library, tmp_path):
    server = start_server()
    folder, contents = library
    (folder / ".hidden").mkdir()
    (folder / ".hidden/a.jpg").write_bytes(b"hidden")
    (folder / ".DS_Store").write_bytes(b"hidden too")
    (folder / "notes.txt").write_bytes(b"no media")
    (folder / "no ending").write_bytes(b"no media either")
    with open(os.path.join(os.fsencode(folder), b"copy \xfe.jpg"), "wb") as file:
        file.write(contents["film.mp4"])
    os.symlink(folder, folder / "loop")
    os.symlink(folder / "2001/copy.png", folder / "link.png")
    os.symlink("nowhere", folder / "broken.png")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "empty.jpg").write_bytes(b"")
    strange = b"not \xff utf-8 \x01\n name.jpg"
    with open(os.path.join(os.fsencode(folder), strange), "wb") as file:
        file.write(b"a strange name")
    long_name = "l" * 250 + ".jpg"
    (folder / long_name).write_bytes(b"a long name")
    deep = folder
    for _ in range(6):
        deep = deep / ("d" * 200)
    deep.mkdir(parents=True)
    (deep / "deep.jpg").write_bytes(b"deep down")

    said, _ = imported(server, folder, code=1)
    failures = {failure["file"]: failure["code"] for failure in said["failures"]}
    assert failures == {"broken.png": "BAD_REQUEST", "empty.jpg": "MISSING_UPLOAD"}
    assert said["new"] == 31 + 3 and said["duplicates"] == 4
    # .hidden, .DS_Store, notes.txt, "no ending", loop, pipe.jpg
    assert said["skipped"] == 6
    names = [name for name, _ in uploads(server)]
    assert long_name in names and "deep.jpg" in names and "link.png" in names
    assert "not � utf-8  name.jpg" in names
    said, _ = imported(server, folder, "--all", code=1)
    assert said["new"] == 4 and said["unchanged"] == 38 and said["skipped"] == 2
    # All of it is known by now, the strange name included.
    said, _ = imported(server, folder, "--all", code=1)
    assert said["new"] == 0 and said["unchanged"] == 42


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_named(start_server, library):
    server = start_server()
    folder, _ = library
    (folder / "again.JPG").chmod(0)
    said, _ = imported(server, folder, code=1)
    assert [failure["file"] for failure in said["failures"]] == ["again.JPG"]


def test_interrupted_it_goes_on_and_sends_nothing_twice(start_server, tmp_path):
    server = start_server()
    folder = tmp_path / "many"
    folder.mkdir()
    source = random.Random(SEED)
    contents = {f"{number:04}.jpg": source.randbytes(20_000) for number in range(1200)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    command = [server.program, "import", folder, "--json", "--journal", server.folder / "journal",
               "--jobs", "4"]
    environment = plain_environment(CALOTYPE_SERVER=server.url)
    runs = 0
    for how in (signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
        before = server.metric("uploads_total")
        process = subprocess.Popen([str(word) for word in command], env=environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        server.until(lambda: server.metric("uploads_total") > before + 20)
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
        runs += process.returncode != 0
        if how == signal.SIGINT and process.returncode:
            assert "CANCELLED" in err and "Run it again" in err and json.loads(out)["new"] > 0
    assert runs, "it was never interrupted in the middle"
    said, _ = imported(server, folder)
    assert said["failed"] == 0
    # What was acknowledged when the program was killed may be recorded once more, never sent.
    found = uploads(server)
    assert sorted(set(found)) == digests(contents)
    assert len(found) <= len(contents) + 4
    said, _ = imported(server, folder)
    assert said["unchanged"] == len(contents) and said["sent_bytes"] == 0


def test_a_server_that_is_away_for_a_moment_costs_nothing(start_server, library):
    server = start_server()
    folder, contents = library
    process = subprocess.Popen(
        [str(server.program), "import", str(folder), "--json", "--journal",
         str(server.folder / "journal"), "--jobs", "1"],
        env=plain_environment(CALOTYPE_SERVER=f"http://127.0.0.1:{server.port}"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["failed"] == 0


def test_no_server_no_folder_no_key_are_said(start_server, library, tmp_path):
    folder, _ = library
    journal = ["--journal", tmp_path / "j"]
    done = run_command("import", folder, *journal,
                       environment={"CALOTYPE_SERVER": "http://127.0.0.1:1"})
    assert done.returncode == 1 and "SERVER_UNREACHABLE" in done.stderr
    server = start_server()
    done = server.command("import", tmp_path / "nothing", *journal)
    assert done.returncode == 1 and "cannot be imported" in done.stderr
    done = server.command("import", folder / "film.mp4", *journal)
    assert done.returncode == 1 and "calotype put" in done.stderr
    (tmp_path / "j").write_text("somebody's letter\n")
    done = server.command("import", folder, *journal)
    assert done.returncode == 1 and "no journal" in done.stderr
    assert (tmp_path / "j").read_text() == "somebody's letter\n"
    done = server.command("import", "s3://bucket/x?endpoint=http://127.0.0.1:1")
    assert done.returncode == 1 and "AWS_ACCESS_KEY_ID" in done.stderr or \
        "AWS_ACCESS_KEY_ID" in os.environ


def test_with_keys_in_force(start_server, library):
    server = start_server()
    folder, contents = library
    admin = server.command_json("key", "create", "--name", "admin")["key"]
    done = server.command("import", folder, "--journal", server.folder / "journal")
    assert done.returncode == 1 and "UNAUTHORIZED" in done.stderr
    done = server.command("import", folder, "--journal", server.folder / "journal", "--json",
                          key=admin)
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["new"] == 31 and said["duplicates"] == 2
    (server.folder / "journal").unlink()
    done = server.command("import", folder, "--journal", server.folder / "journal", "--json",
                          key=admin)
    assert json.loads(done.stdout)["duplicates"] == 33, done.stderr


@pytest.mark.embedded_only(reason="its commands go to two servers, and a journal is of one")
def test_the_summary_for_people_and_the_journal_s_place(start_server, library, tmp_path):
    server = start_server()
    folder, _ = library
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    done = server.command("import", folder, environment=state)
    assert done.returncode == 0, done.stderr
    for word in ("files", "new", "duplicates", "saved", "sent"):
        assert word in done.stdout
    [journal] = (tmp_path / "state/calotype/import").iterdir()
    assert journal.read_text().startswith("calotype-import 1\n")
    assert "unchanged           33" in server.command("import", folder, environment=state).stdout


@pytest.mark.skipif("CALOTYPE_TEST_S3" not in os.environ, reason="no S3 runs")
def test_a_bucket_comes_in_and_only_what_is_new_is_fetched_again(start_server, library):
    from stacks import s3_client
    from urllib.parse import urlsplit

    server = start_server()
    _, contents = library
    base, query = os.environ["CALOTYPE_TEST_S3"].split("?", 1)
    bucket = urlsplit(base).netloc
    client = s3_client(dict(pair.split("=", 1) for pair in query.split("&")))
    prefix = "import" + secrets.token_hex(6)
    for name, content in contents.items():
        client.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=content)
    client.put_object(Bucket=bucket, Key=f"{prefix}/notes.txt", Body=b"no media")
    source = f"s3://{bucket}/{prefix}?{query}"
    keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    said, _ = imported(server, source, environment=keys)
    assert (said["new"], said["duplicates"], said["skipped"]) == (31, 2, 1)
    assert uploads(server) == digests(contents)
    client.put_object(Bucket=bucket, Key=f"{prefix}/film.mp4", Body=b"another film")
    said, _ = imported(server, source, environment=keys)
    assert (said["new"], said["unchanged"]) == (1, 32)
    wrong = keys | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    done = server.command("import", source, "--journal", server.folder / "journal",
                          environment=wrong)
    assert done.returncode == 1 and "BAD_CONFIG" in done.stderr


def test_a_file_that_is_written_to_meanwhile_is_refused_or_whole(start_server, tmp_path):
    server = start_server()
    folder = tmp_path / "moving"
    folder.mkdir()
    path = folder / "growing.mp4"
    path.write_bytes(bytes(3_000_000))
    stop = time.monotonic() + 3
    writer = subprocess.Popen(
        ["python3", "-c", "import sys,time\n"
         f"end=time.time()+3\nwith open({str(path)!r},'ab',0) as f:\n"
         " while time.time()<end: f.write(b'x'*1000); time.sleep(0.0005)"])
    try:
        while time.monotonic() < stop:
            done = server.command("import", folder, "--json", "--journal",
                                  server.folder / "journal")
            said = json.loads(done.stdout)
            assert said["new"] + said["duplicates"] + said["unchanged"] + said["failed"] == 1
    finally:
        writer.wait()
    content = path.read_bytes()
    for name, sha256 in uploads(server):
        size = server.get(f"/v1/assets/sha256:{sha256}").json()["bytes"]
        assert hashlib.sha256(content[:size]).hexdigest() == sha256, name
