# SPDX-License-Identifier: Apache-2.0
"""What `calotype worker` and `serve --no-workers` say and refuse where one process owns the
catalog. How workers share work is test_cluster.py's."""

from calotype_server import run_command
from picture_files import encoded, scene


def test_a_worker_refuses_a_catalog_that_is_one_process_s_own(tmp_path):
    done = run_command("worker", "--data", tmp_path / "data", cwd=tmp_path)
    assert done.returncode == 1
    assert "BAD_CONFIG" in done.stderr and "postgresql://" in done.stderr
    assert not (tmp_path / "data").exists(), "it has left nothing"


def test_a_worker_names_the_lanes_there_are(tmp_path):
    done = run_command("worker", "--lanes", "metadata,audio", "--data", tmp_path / "data",
                       cwd=tmp_path)
    assert done.returncode == 1 and "audio" in done.stderr
    for lane in ("metadata", "image", "video", "maintenance"):
        assert lane in done.stderr
    done = run_command("worker", "--listen", "nowhere", "--data", tmp_path / "data", cwd=tmp_path)
    assert done.returncode == 1 and "worker.listen" in done.stderr


def test_a_server_without_workers_leaves_jobs_alone(start_server):
    site = start_server({"jobs.in_server": "false"})
    asset = site.put(encoded(scene(200, 100), "png"))["id"]
    site.problem(site.get(f"/asset/{asset}/variant/thumb"), 202, "ASSET_PROCESSING")
    ready = [job["kind"] for job in site.get("/v1/jobs").json()["jobs"] if job["state"] == "ready"]
    assert "inspect" in ready
    site.stop()
    site.settings["jobs.in_server"] = "true"
    site.start()
    assert site.settled(asset)["state"] == "METADATA_READY"


def test_a_refused_redis_url_does_not_show_its_password(tmp_path):
    done = run_command("serve", "--set", "cache=redis://user:hushhush@", "--data",
                       tmp_path / "data", "--listen", "127.0.0.1:0", cwd=tmp_path)
    assert done.returncode == 1 and "hushhush" not in done.stderr + done.stdout
