# SPDX-License-Identifier: Apache-2.0
"""The reference client of the cluster's ingest row: distinct objects put by boto3 as one does it to
be quick: a client each thread, keep-alive, no retries in the way, and more processes than one where
that helps, so that the interpreter's lock is not what is measured.

    s3_put_client.py ENDPOINT BUCKET PREFIX COUNT BYTES THREADS PROCESSES SEED

Prints one line of JSON: the wall time from the first put to the last answer."""

import json
import multiprocessing
import random
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore")


def client(endpoint):
    import boto3
    from botocore.config import Config
    config = Config(s3={"addressing_style": "path", "payload_signing_enabled": False},
                    retries={"max_attempts": 1}, tcp_keepalive=True, max_pool_connections=1,
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required")
    return boto3.session.Session().client("s3", endpoint_url=endpoint, config=config,
                                          region_name="us-east-1")


def put_all(endpoint, bucket, prefix, numbers, size, threads, seed, ready, go, took):
    block = random.Random(seed).randbytes(size)
    numbers = iter(numbers)
    lock = threading.Lock()
    clients = [client(endpoint) for _ in range(threads)]

    def run(s3):
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            s3.put_object(Bucket=bucket, Key=f"{prefix}/{seed}-{number}",
                          Body=number.to_bytes(8) + block[8:])

    ready.wait()
    go.wait()
    began = time.time()
    workers = [threading.Thread(target=run, args=(one,)) for one in clients]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took.put((began, time.time()))


def main():
    endpoint, bucket, prefix = sys.argv[1:4]
    count, size, threads, processes, seed = map(int, sys.argv[4:9])
    ready, go = multiprocessing.Barrier(processes + 1), multiprocessing.Event()
    took = multiprocessing.Queue()
    children = [multiprocessing.Process(target=put_all, args=(
        endpoint, bucket, prefix, range(index, count, processes), size, threads // processes,
        seed, ready, go, took)) for index in range(processes)]
    for child in children:
        child.start()
    ready.wait()
    go.set()
    times = [took.get() for _ in children]
    for child in children:
        child.join()
    began, ended = min(one for one, _ in times), max(two for _, two in times)
    print(json.dumps({"seconds": ended - began, "threads": threads, "processes": processes}))


if __name__ == "__main__":
    main()
