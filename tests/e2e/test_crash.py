# SPDX-License-Identifier: Apache-2.0
"""The whole program is killed (SIGKILL to the server and its renderers) at random instants while it
brings bytes in, inspects, renders and deletes; then it is started again on what it left. What has
to hold: an upload that was acknowledged is there with its bytes, a deletion that was acknowledged
stays one, every row has its bytes, no job is stuck, and after the grace period no bytes are without
an owner. What was asked for and not acknowledged may have happened or not.

CALOTYPE_CRASH_KILLS (default 200) and CALOTYPE_CRASH_SEED make it longer, or the same again."""

import os
import random
import time

import pytest
from calotype_server import Server
from crash_load import Load, read_back
from stacks import Audit

KILLS = int(os.environ.get("CALOTYPE_CRASH_KILLS", "200"))
SEED = int(os.environ.get("CALOTYPE_CRASH_SEED", str(random.SystemRandom().randrange(10**9))))
SETTINGS = {"lifecycle.grace": "1s", "lifecycle.scrub_interval": "300ms", "log.level": "warn"}
SAMPLE = 15           # acknowledged contents that are read back after each restart
FULL_CHECK_EVERY = 40  # kills between two looks at everything

# A job whose end could not be written keeps its lease of 60 s; the scrub comes round after that.
SETTLE_SECONDS = 180


def check_all(server, state, load):
    read_back(server, load.contents)
    state.assert_every_row_has_its_bytes()


def kill_at_random(server, load, chance):
    """One end under load, and the next start; that one is sometimes killed as well."""
    with load.running():
        time.sleep(chance.uniform(0.02, 0.7))
        server.kill()
    if chance.random() < 0.1:
        server.launch()
        time.sleep(chance.uniform(0, 0.15))
        server.kill()
    server.start()


def test_no_crash_loses_anything(tmp_path):
    print(f"seed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    server = Server(tmp_path, SETTINGS)
    state = Audit(server.state())
    load = Load(server, SEED)
    server.start()
    try:
        for kill in range(1, KILLS + 1):
            kill_at_random(server, load, chance)
            settled = [content for content in load.contents if content.there is not None]
            read_back(server, chance.sample(settled, min(SAMPLE, len(settled))))
            assert not load.unexpected, load.unexpected
            if kill % FULL_CHECK_EVERY == 0:
                check_all(server, state, load)
        finish(server, state, load)
        assert server.stop() == 0
        assert not state.unowned() and not state.unfinished()
    finally:
        print(f"seed {SEED}: {load.acknowledged} acknowledged, {len(load.contents)} contents")
        server.kill()


def finish(server, state, load):
    """Left alone, it comes to rest with nothing lost, stuck or left over."""
    check_all(server, state, load)
    server.until(lambda: not state.pending(), SETTLE_SECONDS)
    server.until(lambda: not state.unfinished(), SETTLE_SECONDS)
    server.until(lambda: not state.unowned(), SETTLE_SECONDS)
    check_all(server, state, load)
    for content in load.contents:
        if content.there is True:
            asset = server.get(f"/v1/assets/{content.asset}").json()
            assert asset["state"] in ("METADATA_READY", "VARIANTS_READY"), asset
    least = 1 if KILLS >= 20 else 0
    assert all(count >= least for count in load.acknowledged.values()), load.acknowledged


@pytest.mark.parametrize("moment", ["at once", "while it is busy"])
def test_a_polite_end_loses_nothing_either(tmp_path, moment):
    server = Server(tmp_path, SETTINGS)
    load = Load(server, SEED)
    for _ in range(3):
        server.start()
        with load.running():
            time.sleep(0.05 if moment == "at once" else 0.5)
            assert server.stop() == 0
    server.start()
    try:
        check_all(server, Audit(server.state()), load)
        assert not load.unexpected, load.unexpected
    finally:
        server.kill()
