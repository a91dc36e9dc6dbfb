# SPDX-License-Identifier: Apache-2.0
"""A real S3 server that needs no cluster: Ceph's radosgw with a database in a folder (dbstore)."""

import secrets
import signal
import subprocess
import time

from server_process import ServerProcess, unprivileged

SETTINGS = """\
[global]
log_file = {folder}/radosgw.log
run_dir = {folder}
crash_dir = {folder}
admin_socket =
pid_file =

[client.admin]
keyring = /dev/null

[client]
rgw_backend_store = dbstore
rgw_config_store = dbstore
dbstore_db_dir = {folder}/store
dbstore_db_name_prefix = test
dbstore_config_uri = file:{folder}/config.db
rgw_data = {folder}
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_thread_pool_size = 64
rgw_lc_debug_interval = -1
debug_rgw = 0
"""

BUCKET = "calotype-test"
REGION = "us-east-1"


class Radosgw(ServerProcess):
    name = "radosgw"
    stop_signal = signal.SIGKILL  # it can wait for itself at SIGTERM; what it answered is stored

    def __init__(self, folder):
        super().__init__(folder)
        self.settings = self.folder / "ceph.conf"
        self.access_key = "TEST" + secrets.token_hex(8).upper()
        self.secret_key = secrets.token_hex(20)
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def url(self, prefix="", bucket=BUCKET):
        """The `blobs` setting: what is under one prefix of the bucket."""
        path = f"{bucket}/{prefix}" if prefix else bucket
        return f"s3://{path}?endpoint={self.endpoint}&region={REGION}"

    def prepare(self):
        self.run("mkdir", self.folder / "store")
        self.settings.write_text(SETTINGS.format(folder=self.folder, port=self.port))
        self.create_user()

    def create_user(self, wait=60):
        """radosgw-admin misses, now and then, its own call to end. Once it has printed the user,
        that is stored."""
        said, complaints = self.folder / "user.json", self.folder / "user.log"
        with open(said, "wb") as out, open(complaints, "wb") as errors:
            process = subprocess.Popen(
                ["radosgw-admin", "-c", str(self.settings), "--no-mon-config", "user", "create",
                 "--uid=test", "--display-name=test", f"--access-key={self.access_key}",
                 f"--secret-key={self.secret_key}"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
                **unprivileged())
        deadline = time.monotonic() + wait
        while True:
            has_ended = process.poll() is not None  # before what it has said by then is read
            if said.read_text().rstrip().endswith("\n}"):
                break
            if has_ended or time.monotonic() > deadline:
                process.kill()
                raise AssertionError("radosgw-admin failed:\n" + said.read_text()[-2000:] +
                                     complaints.read_text()[-2000:])
            time.sleep(0.02)
        process.kill()
        process.wait()

    def command(self):
        return ["radosgw", "-f", "-c", self.settings, "--no-mon-config"]

    def started(self):
        self.client().create_bucket(Bucket=BUCKET)

    def client(self, **options):
        """boto3's, with this server's keys."""
        import boto3
        from botocore.config import Config

        settings = {"s3": {"addressing_style": "path"}, "retries": {"max_attempts": 3}} | options
        return boto3.session.Session().client(
            "s3", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key, config=Config(**settings))

    def keys(self, prefix=""):
        lister = self.client().get_paginator("list_objects_v2")
        pages = lister.paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def content(self, key):
        return self.client().get_object(Bucket=BUCKET, Key=key)["Body"].read()
