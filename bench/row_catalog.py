# SPDX-License-Identifier: Apache-2.0
"""The catalog alone, on either engine. With 1,000,000 assets against 1,000, for information (the
row `growth` measures what a client sees): uploads recorded a second by 64 clients, lookups by id
and by hash by one. Jobs: claimed, run (by an empty handler) and
completed a second by four workers of the server's own runner, against pgbench with four clients
that run the same two statements, on the same table of the same server."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Figure, alternate, note
from subject import run_json

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/servers"))

from postgres import BIN, Postgres  # noqa: E402

WORKERS = 4

# The runner's two statements for one job, as sql_jobs.cpp has them.
CLAIM_AND_COMPLETE = """\
WITH due AS MATERIALIZED (SELECT id FROM job WHERE lane = '{lane}' AND due_at <= {now}
 AND attempts < 3 ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
 UPDATE job SET state = 'running', attempts = attempts + 1, fence = fence + 1, due_at = {until}
 WHERE id IN (SELECT id FROM due) RETURNING id AS job, fence AS fence \\gset
DELETE FROM job WHERE id = :job AND fence = :fence AND state = 'running';
"""

FILL_JOBS = """\
INSERT INTO job (id, kind, lane, key, asset_id, state, attempts, fence, run_after, due_at,
 last_error, created_at) SELECT 'bench' || lpad(n::text, 21, '0'), '{kind}', '{lane}',
 'bench:' || n, '', 'ready', 0, 0, n, n, '', 0 FROM generate_series(1, {count}) n
"""


# A quarter of a small server's memory, as PostgreSQL's manual advises.
MEMORY = "shared_buffers = 2GB\n"


class Server:
    """PostgreSQL as the suite runs it, with more memory; its data on the disk that is measured."""

    def __init__(self, bench):
        folder = bench.folder / "servers"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="catalog-", dir=folder))
        self.folder.chmod(0o755)
        self.postgres = Postgres(self.folder / "postgres")

    def __enter__(self):
        self.postgres.prepare()
        with open(self.postgres.data / "postgresql.conf", "a") as settings:
            settings.write(MEMORY)
        self.postgres.launch()
        self.postgres.ready()
        return self.postgres

    def __exit__(self, *_):
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def on_both_engines(bench, name, measure):
    """The figures of measure(bench, engine, where) on SQLite, then on PostgreSQL."""
    subprocess.run(["ninja", "-C", bench.build, "bin/catalog_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    folder = bench.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    figures = measure(bench, "sqlite", folder)
    shutil.rmtree(folder, ignore_errors=True)
    with Server(bench) as postgres:
        figures += measure(bench, "postgresql", postgres.url)
    return figures


def sizes(bench, engine, where):
    assets = 50_000 if bench.quick else 1_000_000
    note(f"catalog: filling one of {assets} assets on {engine}")
    said = subprocess.run([bench.tool("catalog_bench"), "compare", str(where), str(assets),
                           str(bench.rounds(7))], check=True, stdout=subprocess.PIPE, text=True)
    figures = []
    for line in said.stdout.splitlines():
        row = json.loads(line)
        figures.append(Figure(
            f"catalog-{row['name'].replace(' ', '-')}-{engine}",
            f"{row['name']}, {assets:,} assets, {engine}", "1/s", row["ours"], row["reference"],
            "1,000 assets"))
    return figures


def our_jobs(bench, postgres, count, kind):
    answer = run_json(bench.tool("catalog_bench"), "jobs", postgres.url, "jobs", count, WORKERS,
                      kind)
    return answer["jobs_per_second"]


def pgbench_jobs(postgres, folder, count, kind, lane):
    """Each client takes its share of what is filled in, so that none finds the queue empty."""
    postgres.sql(FILL_JOBS.format(count=count, kind=kind, lane=lane), "jobs")
    script = folder / "jobs.sql"
    script.write_text(CLAIM_AND_COMPLETE.format(lane=lane, now=10 ** 15, until=2 * 10 ** 15))
    said = subprocess.run(
        [BIN / "pgbench", "-n", "-M", "prepared", "-c", str(WORKERS), "-j", str(WORKERS), "-t",
         str(count // WORKERS), "-f", script, f"{postgres.url}/jobs"],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    left = postgres.sql("SELECT COUNT(*) FROM job", "jobs")
    if left != [["0"]]:
        raise SystemExit(f"bench: pgbench left {left} jobs:\n{said}")
    return float(next(line for line in said.splitlines() if line.startswith("tps")).split()[2])


def jobs(bench, postgres):
    """A claim is flushed in the lane that removes bytes, and need not be in the others; pgbench
    flushes both statements."""
    count = 1_000 if bench.quick else 4_000
    postgres.sql("CREATE DATABASE jobs")
    figures = []
    for kind, lane, bound in (("inspect", "metadata", 0.7), ("expire", "maintenance", None)):
        our_jobs(bench, postgres, WORKERS, kind)
        ours, reference = alternate(
            bench.rounds(7), lambda _: our_jobs(bench, postgres, count, kind),
            lambda _: pgbench_jobs(postgres, bench.folder, count, kind, lane))
        figures.append(Figure(
            f"catalog-jobs-{lane}", f"empty jobs of the lane {lane}, {WORKERS} workers", "jobs/s",
            ours, reference, f"pgbench, {WORKERS} clients, the same two statements", bound,
            notes={"jobs_a_round": count}))
    return figures


def run(bench):
    figures = on_both_engines(bench, "catalog", sizes)
    with Server(bench) as postgres:
        os.sync()
        return figures + jobs(bench, postgres)
