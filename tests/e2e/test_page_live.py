# SPDX-License-Identifier: Apache-2.0
"""The page on a library that others work on, played in Chromium (web/tests/live_scenarios.mjs):
what fits its filters no more goes, what begins to fit comes to its place, and what is looked at
stands still. What others do is done here, when a scenario asks for it."""

import itertools

from picture_files import encoded, scene
from test_page import play


every = itertools.count()  # no two pictures are the same


def fill(site, names, **words):
    """Small pictures of these names, looked at; their ids by name."""
    ids = {name: site.put(encoded(scene(120 + next(every), 100), "png"),
                          params={"file_name": name, **words})["id"] for name in names}
    site.until(lambda: not site.get("/v1/assets", params={"state": "PENDING"}).json()["assets"])
    return ids


def bulk(site, ids, **order):
    def change():
        answer = site.post("/v1/assets/bulk", json={"ids": list(ids), **order})
        assert answer.status_code == 200 and answer.json()["failed"] == 0, answer.text
    return change


def test_what_fits_the_filter_no_more_goes_and_what_begins_to_fit_comes(start_server):
    site = start_server()
    ids = fill(site, [f"{number:02}.png" for number in range(12)], tags="sea")
    ids |= fill(site, [f"{number:02}b.png" for number in range(30, 33)] + ["05b.png"])
    play(site, "refit", ids=ids, count=12, asked={
        "untag": bulk(site, [ids["04.png"]], remove_tags=["sea"]),
        "tag": bulk(site, [ids["05b.png"]], add_tags=["sea"])})


def test_what_goes_and_comes_above_moves_nothing(start_server):
    site = start_server()
    ids = fill(site, [f"{number:03}.png" for number in range(90)], collection="shelf")
    above = [ids[f"{number:03}.png"] for number in range(0, 24)]
    play(site, "still", near=ids["060.png"], count=90, left=66, asked={
        "leave": bulk(site, above, collection="elsewhere"),
        "enter": bulk(site, above, collection="shelf")})


def test_hundreds_at_once_come_in_few_requests(start_server):
    site = start_server()
    ids = fill(site, [f"{number:03}.png" for number in range(260)])
    play(site, "burst", count=len(ids), asked={
        "tag": bulk(site, ids.values(), add_tags=["burst"]),
        "untag": bulk(site, ids.values(), remove_tags=["burst"])})


def test_the_wall_is_where_it_was_after_another_view(start_server):
    site = start_server()
    ids = fill(site, [f"shelf-{number:02}.png" for number in range(40)])
    play(site, "away", near=ids["shelf-10.png"], count=40, name="shelf-31")


def test_a_server_that_comes_back_moves_nothing(start_server):
    site = start_server()
    ids = list(fill(site, [f"{number:02}.png" for number in range(50)]).values())

    def start():
        site.start()
        site.delete(f"/v1/assets/{ids[49]}")
        fill(site, [f"new-{number}.jpg" for number in range(70, 73)])

    play(site, "back", near=ids[30], other=ids[44], gone=ids[49], count=50,
         asked={"kill": site.kill, "start": start})
