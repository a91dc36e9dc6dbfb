# SPDX-License-Identifier: Apache-2.0
"""Cached variants: requests a second of one I/O thread against one nginx worker that serves the
very same bytes from a file. Server on one core, wrk with 64 keep-alive connections on another,
the same for both. nginx has what an expert would give it, and of its ways to send a file the
fastest here, found for each size before the rounds. What each request costs the server's processor
is noted beside its rate: on a busy machine the rate says little, and that still much."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from measure import Figure, alternate, note
from pictures import photographs
from subject import Server, free_port, pinned, processor_seconds

CONNECTIONS = 64

NGINX = """
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log crit;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; use epoll; multi_accept on; }}
http {{
  access_log off;
  sendfile {sendfile};
  tcp_nopush {nopush};
  tcp_nodelay on;
  output_buffers 1 512k;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_errors on;
  server_tokens off;
  etag on;
  client_body_temp_path {folder}/t1;
  proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4;
  scgi_temp_path {folder}/t5;
  types {{ image/webp webp; }}
  server {{
    listen 127.0.0.1:{port} reuseport backlog=1024;
    root {folder}/files;
    add_header Cache-Control "public, max-age=31536000, immutable";
  }}
}}
"""


class Nginx:
    def __init__(self, folder, core, sendfile, nopush):
        self.port = free_port()
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX.format(
            user="user root;" if os.getuid() == 0 else "", folder=folder, port=self.port,
            sendfile=sendfile, nopush=nopush))
        program = "/usr/sbin/nginx" if os.path.exists("/usr/sbin/nginx") else "nginx"
        self.process = subprocess.Popen(
            [program, "-p", folder, "-e", "stderr", "-c", configuration, "-g", "daemon off;"],
            preexec_fn=pinned(core))
        time.sleep(0.3)
        if self.process.poll() is not None:
            raise SystemExit("bench: nginx did not start")

    def __enter__(self):
        return self

    def processes(self):
        """The master, which does nothing, and its worker."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(10)


def wrk(port, target, seconds, core):
    """Requests a second; any error or other answer than 200 ends the benchmark."""
    output = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"http://127.0.0.1:{port}{target}"],
        capture_output=True, text=True, check=True, preexec_fn=pinned(core)).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"bench: wrk had errors:\n{output}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


class Side:
    """One of the two servers: measures its rate, and gathers what a request cost it."""

    def __init__(self, processes, port, target, seconds, client_core):
        self.arguments = (port, target, seconds, client_core)
        self.processes = processes
        self.microseconds = []
        wrk(port, target, 1, client_core)  # warms up

    def measure(self, _):
        before = processor_seconds(self.processes)
        rate = wrk(*self.arguments)
        spent = processor_seconds(self.processes) - before
        self.microseconds.append(1e6 * spent / (rate * self.arguments[2]))
        return rate


def variant_of_size(server, asset, wanted):
    """The variant of the asset whose size comes nearest: its URL and its bytes."""
    best = None
    low, high = 16, min(asset["width"], 2600)
    while low <= high:
        width = (low + high) // 2
        answer = server.json("GET", f"/asset/{asset['id']}/variant/w={width}&fm=webp&q=85")
        if best is None or abs(answer["bytes"] - wanted) < abs(best["bytes"] - wanted):
            best = answer
        if answer["bytes"] < wanted:
            low = width + 1
        else:
            high = width - 1
    status, headers, content = server.request("GET", best["url"])
    if status != 200:
        raise SystemExit(f"bench: {best['url']} answered {status}")
    return best["url"], content, headers


def fastest_nginx(folder, core, client_core, target, seconds):
    """The settings under which nginx is fastest with this file."""
    rates = {}
    for choice in (("on", "on"), ("on", "off"), ("off", "off")):
        with Nginx(folder, core, *choice) as nginx:
            wrk(nginx.port, target, 1, client_core)
            rates[choice] = wrk(nginx.port, target, seconds, client_core)
    return max(rates, key=rates.get), rates


def one_size(bench, server, nginx_folder, size, bound, asset, cores):
    url, content, headers = variant_of_size(server, asset, size)
    name = f"{size}.webp"
    (nginx_folder / "files" / name).write_bytes(content)
    seconds = 2 if bench.quick else 5
    choice, rates = fastest_nginx(nginx_folder, cores[0], cores[1], f"/{name}", 2)
    note(f"delivery: {len(content)} bytes; nginx is fastest with sendfile={choice[0]} "
         f"tcp_nopush={choice[1]}")
    with Nginx(nginx_folder, cores[0], *choice) as nginx:
        our_side = Side([server.process.pid], server.port, url, seconds, cores[1])
        their_side = Side(nginx.processes(), nginx.port, f"/{name}", seconds, cores[1])
        ours, reference = alternate(bench.rounds(5), our_side.measure, their_side.measure)
    kilobytes = round(len(content) / 1000)
    return Figure(
        "delivery", f"a cached {kilobytes} KB variant, {CONNECTIONS} connections", "requests/s",
        ours, reference, "nginx static", bound,
        notes={"bytes": len(content),
               "processor_microseconds_a_request": {"ours": our_side.microseconds,
                                                    "nginx": their_side.microseconds},
               "our_headers": dict(headers.items()),
               "nginx": {"sendfile": choice[0], "tcp_nopush": choice[1]},
               "nginx_choices": {f"sendfile={key[0]} tcp_nopush={key[1]}": value
                                 for key, value in rates.items()}})


def run(bench):
    available = sorted(os.sched_getaffinity(0))
    cores = (available[0], available[1]) if len(available) > 1 else (None, None)
    if cores[0] is None:
        note("delivery: one core only, so server and client share it")
    photo = photographs(bench.folder / "made")[0]
    nginx_folder = bench.folder / "nginx"
    (nginx_folder / "files").mkdir(parents=True, exist_ok=True)
    sizes = ((30_000, 1.0),) if bench.quick else ((30_000, 1.0), (1_000, None), (300_000, None))
    with Server(bench.program, bench.folder / "delivery", {"http.io_threads": 1},
                cores[0]) as server:
        asset = server.put_inspected([photo])[0]
        return [one_size(bench, server, nginx_folder, size, bound, asset, cores)
                for size, bound in sizes]
