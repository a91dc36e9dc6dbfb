# SPDX-License-Identifier: Apache-2.0
"""Servers tell one another of deletions, keys and jobs by PostgreSQL's notifications. Where those
do not arrive (a connection that is silent, or that ends) the same is found out by asking, a little
later."""

import time

import pytest
import requests
from calotype_server import Server
from picture_files import encoded, scene
from relay import Relay
from stacks import ClusterPlace, Worker, has_cluster

# By asking once a second, on a busy machine.
LATER_SECONDS = 5


class Deaf:
    """One server that hears, and beside it a server and a worker that hear through a relay."""

    def __init__(self, folder):
        self.place = ClusterPlace.of_environment()
        port = int(self.place.postgres.rsplit(":", 1)[1])
        self.relay = Relay(port)
        through = self.place.catalog.replace(f":{port}/", f":{self.relay.port}/")
        hears = self.place.settings()
        deaf = hears | {"catalog": self.place.pooled or self.place.catalog,
                        "catalog.listen": through}
        self.parts = []
        for name, kind, settings in (("first", Server, hears), ("second", Server, deaf),
                                     ("worker", Worker, deaf)):
            (folder / name).mkdir()
            part = kind(folder / name, {"render.processes": 1} | settings)
            part.more = ["--no-workers"] if kind is Server else []
            self.parts.append(part.start())
        self.first, self.second, self.worker = self.parts

    def end(self):
        for part in self.parts:
            part.kill()
        self.relay.close()
        self.place.drop()

    def put(self, server, number):
        answer = requests.post(server.url + "/v1/assets", timeout=30,
                               data=encoded(scene(200 + number, 100), "png"))
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def is_inspected(self, asset):
        state = requests.get(f"{self.first.url}/v1/assets/{asset}", timeout=30).json()["state"]
        return state == "METADATA_READY"

    def all_reaches_the_deaf(self, number):
        """A job, a deletion and a key, made through the one that hears."""
        asset = self.put(self.first, number)
        self.first.until(lambda: self.is_inspected(asset), LATER_SECONDS)
        target = f"{self.second.url}/i/{asset}?w=50&fm=png"
        for _ in range(3):  # hot from then on
            assert requests.get(target, timeout=30).status_code == 200
        gone = requests.delete(f"{self.first.url}/v1/assets/{asset}", timeout=30)
        assert gone.status_code == 204
        self.first.until(lambda: requests.get(target, timeout=30).status_code == 404,
                         LATER_SECONDS)


@pytest.fixture
def deaf(tmp_path):
    if not has_cluster():
        pytest.skip("PostgreSQL, S3 and Redis are not in the environment")
    parts = Deaf(tmp_path)
    yield parts
    parts.end()


def test_words_that_are_lost_in_silence_are_made_up_for(deaf):
    deaf.relay.freeze()
    deaf.all_reaches_the_deaf(1)
    deaf.relay.thaw()
    deaf.all_reaches_the_deaf(2)


def test_a_connection_that_ends_is_made_anew_and_hears(deaf):
    for number in range(3):
        deaf.relay.cut()
        deaf.all_reaches_the_deaf(number)
    time.sleep(1.5)  # it has had time to come back
    asset = deaf.put(deaf.first, 50)
    deaf.first.until(lambda: deaf.is_inspected(asset), LATER_SECONDS)
    target = f"{deaf.second.url}/i/{asset}?w=50&fm=png"
    assert requests.get(target, timeout=30).status_code == 200
    requests.delete(f"{deaf.first.url}/v1/assets/{asset}", timeout=30)
    deaf.first.until(lambda: requests.get(target, timeout=30).status_code == 404, LATER_SECONDS)


def test_a_key_is_in_force_where_no_word_of_it_arrived(deaf):
    deaf.relay.freeze()
    made = requests.post(deaf.first.url + "/v1/keys", timeout=30,
                         json={"name": "all", "scopes": ["read", "write", "admin"]}).json()

    def status(**headers):
        return requests.get(deaf.second.url + "/v1/assets", headers=headers,
                            timeout=30).status_code

    deaf.first.until(lambda: status() == 401, LATER_SECONDS)
    assert status(Authorization=f"Bearer {made['key']}") == 200
