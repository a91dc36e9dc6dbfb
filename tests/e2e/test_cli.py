# SPDX-License-Identifier: Apache-2.0
"""The program's commands, as a person and as a script use them: what they print, what they print
with --json, and how they end: 0 done, 1 failed, 2 not understood."""

import hashlib
import json
import os
import stat
import subprocess
import tomllib

import pytest
from calotype_server import run_command
from picture_files import decoded, encoded, scene

STACKS = ("embedded", "cluster")

COMMANDS = ["serve", "put", "get", "list", "show", "delete", "takedown", "jobs", "retry", "key",
            "key create", "key list", "key revoke", "config", "sign", "migrate-store"]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "garden party.jpg"
    path.write_bytes(encoded(scene(640, 480), "jpeg"))
    return path


@pytest.fixture(scope="module")
def known(site, photo):
    """The photograph's id, put by the command itself and inspected."""
    said = site.command_json("put", photo)
    site.settled(said["id"])
    return said["id"]


def failed(done, code, command):
    """A command that failed says on stderr which one it was and why, and nothing on stdout."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith(f"calotype {command}: {code}: "), done.stderr
    assert done.stderr.count("\n") == 1


# ---- help and usage -----------------------------------------------------------------------------

@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(command):
    done = run_command(*command.split(), "--help")
    assert done.returncode == 0 and not done.stderr
    if command != "key":
        assert "Example" in done.stdout and f"calotype {command}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_the_program_lists_its_commands():
    done = run_command("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert command.split()[0] in done.stdout


def test_the_version_is_the_program_s():
    done = run_command("--version")
    assert done.returncode == 0 and done.stdout.startswith("calotype ")


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["put"], ["get", "ID"], ["get", "ID", "thumb"], ["show"], ["retry"],
    ["list", "--limit", "0"], ["list", "--limit", "many"], ["jobs", "--state", "asleep"],
    ["key"], ["key", "create"], ["key", "create", "--name", "a", "--scope", "everything"],
    ["serve", "--set", "no-equals-sign"], ["put", "--no-such-flag", "x"],
], ids=" ".join)
def test_what_is_not_understood_ends_with_2(arguments):
    done = run_command(*arguments)
    assert done.returncode == 2
    assert done.stderr and not done.stdout


def test_a_server_that_is_not_there_is_said_plainly():
    done = run_command("list", "--server", "http://127.0.0.1:9")
    failed(done, "SERVER_UNREACHABLE", "list")
    assert "127.0.0.1:9" in done.stderr


# ---- put, get -----------------------------------------------------------------------------------

def test_put_says_pending_and_then_existing(site, tmp_path):
    file = tmp_path / "one.png"
    file.write_bytes(encoded(scene(111, 77), "png"))
    first, second = site.command("put", file), site.command("put", file)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.split()[1] == "PENDING" and second.stdout.split()[1] == "EXISTING"
    assert first.stdout.split()[0] == second.stdout.split()[0]
    assert str(file) in first.stdout
    asset = site.settled(first.stdout.split()[0])
    assert [upload["file_name"] for upload in asset["uploads"]] == ["one.png", "one.png"]


def test_put_sends_nothing_that_the_server_has(site, tmp_path):
    content = os.urandom(3_000_000)
    file = tmp_path / "large.bin"
    file.write_bytes(content)
    site.command_json("put", file)
    before = site.metric("ingested_bytes_total")
    again = site.command_json("put", file, "--name", "second.bin", "--tag", "twice")
    assert again["status"] == "EXISTING"
    assert again["sha256"] == hashlib.sha256(content).hexdigest()
    assert site.metric("ingested_bytes_total") == before
    uploads = site.get(f"/v1/assets/{again['id']}").json()["uploads"]
    assert ("second.bin", ["twice"]) in [(one["file_name"], one["tags"]) for one in uploads]


def test_put_takes_many_files_and_goes_on_after_an_error(site, tmp_path):
    files = [tmp_path / name for name in ("a.txt", "gone.txt", "b.txt", "empty.txt")]
    files[0].write_text("first")
    files[2].write_text("third")
    files[3].touch()
    done = site.command("put", *files, "--json")
    assert done.returncode == 1
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["file"] for one in said] == [str(files[0]), str(files[2])]
    assert "gone.txt" in done.stderr and "MISSING_UPLOAD" in done.stderr


def test_put_records_names_and_tags(site, tmp_path):
    file = tmp_path / "plain.txt"
    file.write_text("tagged " + tmp_path.name)
    said = site.command_json("put", file, "--name", "Grüße & “more”.txt", "--tag", "a b", "--tag",
                             "c&d=e")
    upload = site.get(f"/v1/assets/{said['id']}").json()["uploads"][0]
    assert upload["file_name"] == "Grüße & “more”.txt"
    assert upload["tags"] == ["a b", "c&d=e"]


@pytest.mark.parametrize("recipe, size", [
    ("thumb", (300, 225)), ("w=200&h=200&fit=cover&fm=png", (200, 200)),
    ("w=100,fm=jpeg", (100, 75)), ("social", (640, 336)),
])
def test_get_writes_the_picture(site, known, tmp_path, recipe, size):
    target = tmp_path / "out"
    done = site.command("get", known, recipe, "-o", target)
    assert done.returncode == 0, done.stderr
    assert decoded(target.read_bytes()).size == size
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"], "nothing else is left behind"


def test_get_original_gives_the_very_bytes(site, known, photo, tmp_path):
    assert site.command("get", known, "original", "-o", tmp_path / "copy").returncode == 0
    assert (tmp_path / "copy").read_bytes() == photo.read_bytes()


def test_get_to_standard_output(site, known, photo):
    done = subprocess.run([site.program, "get", known, "original", "-o", "-", "--server", site.url],
                          capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout == photo.read_bytes()


def test_get_says_what_it_got_in_json(site, known, tmp_path):
    said = site.command_json("get", known, "thumb", "-o", tmp_path / "t.webp")
    assert said["media_type"] == "image/webp" and said["url"].startswith(f"/v/{known}/thumb.")
    assert said["bytes"] == (tmp_path / "t.webp").stat().st_size


def test_get_waits_for_an_inspection(site, tmp_path):
    file = tmp_path / "new.png"
    file.write_bytes(encoded(scene(503, 401), "png"))
    asset = site.command_json("put", file)["id"]
    done = site.command("get", asset, "w=50&fm=png", "-o", tmp_path / "small.png")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("recipe, code", [
    ("w=abc", "BAD_RECIPE"), ("no-such-preset", "BAD_RECIPE"),
    ("w=9000&enlarge=1", "LIMIT_EXCEEDED"),
])
def test_get_fails_with_the_server_s_words(site, known, tmp_path, recipe, code):
    failed(site.command("get", known, recipe, "-o", tmp_path / "out"), code, "get")
    assert not list(tmp_path.iterdir())


def test_get_of_an_unknown_asset(site, tmp_path):
    failed(site.command("get", "a" * 26, "thumb", "-o", tmp_path / "out"), "ASSET_NOT_FOUND", "get")


def test_get_to_a_place_that_cannot_be_written(site, known, tmp_path):
    failed(site.command("get", known, "thumb", "-o", tmp_path / "no/such/folder/out"),
           "STORAGE_FAILED", "get")


# ---- list, show, delete -------------------------------------------------------------------------

def test_list_and_its_pages(site, known):
    table = site.command("list").stdout
    assert table.splitlines()[0].split()[:3] == ["ID", "STATE", "TYPE"]
    assert known in table and "640×480" in table and "garden party.jpg" in table
    everything = site.command_json("list", "--all")
    assert everything["next"] is None
    page = site.command_json("list", "--limit", "1")
    assert len(page["assets"]) == 1 and page["next"]
    second = site.command_json("list", "--limit", "1", "--cursor", page["next"])
    assert second["assets"][0]["id"] == everything["assets"][1]["id"]
    assert "--cursor" in site.command("list", "--limit", "1").stderr


def test_list_by_state(site, known):
    ids = {asset["id"] for state in ("METADATA_READY", "VARIANTS_READY")
           for asset in site.command_json("list", "--all", "--state", state)["assets"]}
    assert known in ids
    failed(site.command("list", "--state", "SLEEPING"), "BAD_REQUEST", "list")


def test_show_says_everything(site, known, photo, tmp_path):
    site.command("get", known, "w=77&fm=png", "-o", tmp_path / "x.png")
    site.until(lambda: "w=77&fm=png" in [
        row["recipe"] for row in site.get(f"/v1/assets/{known}/variants").json()["variants"]])
    text = site.command("show", known).stdout
    for word in (known, "image/jpeg", "640 × 480", "garden party.jpg", "w=77&fm=png",
                 "DEDUP_CHECK", "METADATA_READY"):
        assert word in text, text
    said = site.command_json("show", known)
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert said["sha256"] == digest
    assert [event["to"] for event in said["events"]][:3] == [
        "INGESTED", "DEDUP_CHECK", "METADATA_READY"]
    assert said["variants"] and said["uploads"]
    assert site.command_json("show", f"sha256:{digest}")["id"] == known
    failed(site.command("show", "b" * 26), "ASSET_NOT_FOUND", "show")


def test_delete_one_upload_and_then_all(site, tmp_path):
    file = tmp_path / "twice.txt"
    file.write_text("to be deleted " + tmp_path.name)
    first, second = site.command_json("put", file), site.command_json("put", file)
    asset = first["id"]
    assert site.command("delete", asset, "--upload", first["upload"]).returncode == 0
    left = site.command_json("show", asset)["uploads"]
    assert [upload["id"] for upload in left] == [second["upload"]]
    assert site.command_json("delete", asset)["deleted"] is True
    failed(site.command("show", asset), "ASSET_NOT_FOUND", "show")
    failed(site.command("delete", asset), "ASSET_NOT_FOUND", "delete")


# ---- config -------------------------------------------------------------------------------------

def test_config_says_where_each_value_came_from(tmp_path):
    (tmp_path / "calotype.toml").write_text(
        'data = "/srv/pictures"\n[http]\nio_threads = 3\nidle_timeout = "20s"\n'
        '[presets]\ncard = "w=600&h=400&fit=cover&fm=webp"\n')
    done = run_command("config", "--json", "--set", "http.idle_timeout=21s", cwd=tmp_path,
                       environment={"CALOTYPE_RENDER_PROCESSES": "5"})
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["data"]["value"] == "/srv/pictures" and "calotype.toml" in said["data"]["from"]
    assert said["http.io_threads"]["value"] in (3, "3")
    assert said["http.idle_timeout"]["value"] == "21s"
    assert "--set" in said["http.idle_timeout"]["from"]
    assert "CALOTYPE_RENDER_PROCESSES" in said["render.processes"]["from"]
    assert said["http.listen"] == said["http.listen"] | {"value": "127.0.0.1:8080"}
    assert "default" in said["http.listen"]["from"]
    assert "presets.card" in said and all(row["help"] for row in said.values())
    table = run_command("config", cwd=tmp_path).stdout
    assert "http.io_threads" in table and "calotype.toml" in table


def test_config_hides_secrets(tmp_path):
    done = run_command("config", cwd=tmp_path,
                       environment={"CALOTYPE_DELIVERY_SIGNING_KEY": "only-we-know"})
    assert "only-we-know" not in done.stdout and "********" in done.stdout


@pytest.mark.parametrize("text, named", [
    ("[http]\nio_treads = 3\n", "http.io_threads"), ('[http]\nio_threads = "many"\n', "io_threads"),
    ("[http\n", "calotype.toml"), ('[presets]\nbad = "w=0"\n', "bad"),
])
def test_a_wrong_file_is_refused_with_help(tmp_path, text, named):
    (tmp_path / "calotype.toml").write_text(text)
    done = run_command("config", cwd=tmp_path)
    failed(done, "BAD_CONFIG", "config")
    assert named in done.stderr


def test_config_prints_what_a_file_may_say(tmp_path):
    """Every key that is shown is a key that a file may have."""
    said = json.loads(run_command("config", "--json", cwd=tmp_path).stdout)
    file = tmp_path / "calotype.toml"
    lines = []
    for key, row in said.items():
        if not key.startswith("presets.") and row["value"] != "********":
            value = row["value"]
            lines.append(f'"{key}" = {json.dumps(value)}')
    file.write_text("\n".join(lines))
    assert tomllib.loads(file.read_text())
    done = run_command("config", "--json", "--config", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    # A secret that the environment has is never shown, and so not in the file either.
    shown = [key for key, row in said.items() if row["value"] != "********"]
    assert {key: again[key]["value"] for key in shown} == {key: said[key]["value"] for key in shown}


# ---- keys, signatures ---------------------------------------------------------------------------

def test_keys_from_the_first_to_the_last(start_server):
    server = start_server()
    refused = server.command("key", "create", "--name", "website", "--scope", "read,write")
    failed(refused, "BAD_REQUEST", "key create")  # with it nobody could make another one
    made = server.command("key", "create", "--name", "admin")
    assert made.returncode == 0 and made.stdout.startswith("cal_")
    assert "only time" in made.stderr
    admin = made.stdout.strip()
    website = server.command_json("key", "create", "--name", "website", "--scope", "read,write",
                                  key=admin)["key"]
    failed(server.command("list"), "UNAUTHORIZED", "list")
    failed(server.command("list", key="cal_wrong"), "UNAUTHORIZED", "list")
    assert server.command("list", key=website).returncode == 0
    failed(server.command("key", "list", key=website), "FORBIDDEN", "key list")
    keys = server.command_json("key", "list", key=admin)["keys"]
    assert {key["name"]: key["scopes"] for key in keys} == {
        "website": ["read", "write"], "admin": ["read", "write", "admin"]}
    assert all("key" not in key for key in keys), "a key is shown once"
    by_name = {key["name"]: key["id"] for key in keys}
    assert server.command("key", "revoke", by_name["website"], key=admin).returncode == 0
    server.until(lambda: server.command("list", key=website).returncode == 1, 3)
    failed(server.command("key", "revoke", "nobody", key=admin), "KEY_NOT_FOUND", "key revoke")


def test_the_first_key_by_the_catalog_itself(start_server):
    server = start_server()
    key = server.command_json("key", "create", "--name", "first",
                              *server.catalog_options())["key"]
    server.until(lambda: server.command("list").returncode == 1, 3)
    assert server.command("list", key=key).returncode == 0


def test_put_proves_what_it_has_where_keys_are_in_force(start_server, tmp_path):
    server = start_server()
    key = server.command("key", "create", "--name", "all").stdout.strip()
    file = tmp_path / "secret.bin"
    file.write_bytes(os.urandom(2_000_000))
    assert server.command_json("put", file, key=key)["status"] == "PENDING"
    before = server.metric("ingested_bytes_total")
    again = server.command_json("put", file, key=key)
    assert again["status"] == "EXISTING"
    assert server.metric("ingested_bytes_total") == before, "only a range's hash was sent"


@pytest.mark.embedded_only(reason="it looks into the folder")
def test_keys_are_kept_hashed(start_server):
    server = start_server()
    key = server.command("key", "create", "--name", "one").stdout.strip()
    server.stop()
    secret = key.removeprefix("cal_").encode()
    for path in server.data.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path


def test_sign_makes_urls_that_the_server_takes(start_server, tmp_path):
    secret = "a long secret of the operator"
    server = start_server({"delivery.require_signature": "true", "delivery.signing_key": secret})
    asset = server.put_inspected(encoded(scene(), "jpeg"))
    plain = f"/i/{asset['id']}?w=90&fm=png"
    server.problem(server.get(plain), 403, "BAD_SIGNATURE")
    known = {"CALOTYPE_DELIVERY_SIGNING_KEY": secret}
    signed = server.command("sign", plain, environment=known).stdout.strip()
    assert signed.startswith(plain + "&s=")
    assert server.get(signed).status_code == 200
    server.problem(server.get(signed.replace("w=90", "w=91")), 403, "BAD_SIGNATURE")
    whole = server.command("sign", server.url + plain, environment=known).stdout.strip()
    assert whole == server.url + signed
    assert server.get(asset["urls"]["thumb"]).status_code == 200, "what the server hands out works"
    done = server.command("get", asset["id"], "w=70&fm=png", "-o", tmp_path / "x.png",
                          environment=known)
    assert done.returncode == 0, done.stderr
    failed(server.command("sign", plain), "BAD_CONFIG", "sign")
    failed(server.command("sign", "no path", environment=known), "BAD_REQUEST", "sign")


# ---- serve --------------------------------------------------------------------------------------

@pytest.mark.embedded_only(reason="it looks into the folder")
def test_two_servers_do_not_share_a_folder(start_server):
    server = start_server()
    done = run_command("serve", "--data", server.data, "--listen", "127.0.0.1:0")
    failed(done, "BAD_CONFIG", "serve")
    assert str(server.data) in done.stderr


def test_serve_refuses_the_world_without_keys(tmp_path):
    done = run_command("serve", "--data", tmp_path / "data", "--listen", "0.0.0.0:0")
    failed(done, "BAD_CONFIG", "serve")
    assert "key create" in done.stderr or "key" in done.stderr


@pytest.mark.embedded_only(reason="it looks into the folder")
def test_serve_keeps_its_data_to_itself(start_server):
    server = start_server()
    server.put(b"private")
    for path in server.data.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o022 == 0, f"{path} {mode:o}"


def test_serve_logs_json_when_asked(start_server):
    server = start_server({"log.format": "json"})
    server.put_inspected(encoded(scene(), "png"))
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert any("serving" in json.dumps(line) for line in lines)
    assert any("stopped" in json.dumps(line) for line in lines)
