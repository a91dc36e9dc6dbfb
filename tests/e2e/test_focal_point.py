# SPDX-License-Identifier: Apache-2.0
"""The point of a picture that every crop keeps: stored with the asset, heeded by every server, part
of the versions of what it cuts and of nothing else."""

import io

from picture_files import difference, encoded, scene
from PIL import Image

STACKS = ("embedded", "cluster")


def test_a_focal_point_moves_every_crop_and_its_url(site):
    asset = site.put_inspected(encoded(scene(900, 300), "jpeg"))
    before = site.get(f"/v1/assets/{asset['id']}").json()
    assert before["focal_point"] is None
    middle = site.variant(asset, "w=100&h=100&fit=cover&fm=png")
    answer = site.session.put(f"{site.url}/v1/assets/{asset['id']}/focal-point",
                              json={"x": 0.05, "y": 0.5})
    assert answer.status_code == 200 and answer.json()["focal_point"] == {"x": 0.05, "y": 0.5}
    left = site.variant(asset, "w=100&h=100&fit=cover&fm=png")
    assert left[0]["url"] != middle[0]["url"], "another point, another version"
    west = site.variant(asset, "w=100&h=100&fit=cover&g=west&fm=png")[1]
    assert difference(left[1].convert("RGB"), west.convert("RGB")) < 1
    assert difference(left[1].convert("RGB"), middle[1].convert("RGB")) > 5
    stale = site.get(middle[0]["url"], allow_redirects=False)
    assert stale.status_code in (200, 302)  # what was hot may be sent once more; never the new one
    assert answer.json()["urls"]["social"] != before["urls"]["social"]
    assert site.get(answer.json()["urls"]["social"], allow_redirects=False).status_code == 200
    assert answer.json()["urls"]["thumb"] == before["urls"]["thumb"], "nothing is cut there"
    assert site.delete(f"/v1/assets/{asset['id']}/focal-point").status_code == 204
    assert site.variant(asset, "w=100&h=100&fit=cover&fm=png")[0]["url"] == middle[0]["url"]
    for body in ({}, {"x": 2, "y": 0}, {"x": "1", "y": 1}, {"x": 1, "y": 1, "z": 1}, []):
        refused = site.session.put(f"{site.url}/v1/assets/{asset['id']}/focal-point", json=body)
        site.problem(refused, 400, "BAD_REQUEST")
    site.problem(site.session.put(f"{site.url}/v1/assets/{'a' * 26}/focal-point",
                                  json={"x": 0, "y": 0}), 404, "ASSET_NOT_FOUND")


def test_urls_without_a_version_follow_it_wherever_they_are_asked(site):
    """Asked often enough that every server has had each answer at hand."""
    asset = site.put_inspected(encoded(scene(900, 301), "jpeg"))
    target = f"/i/{asset['id']}?w=100&h=100&fit=crop&fm=png"

    def shown():
        answers = [site.get(target) for _ in range(8)]
        assert {answer.status_code for answer in answers} == {200}
        pictures = {answer.content for answer in answers}
        assert len(pictures) == 1, "servers disagree"
        return Image.open(io.BytesIO(pictures.pop())).convert("RGB")

    middle = shown()
    for x, gravity in ((0, "west"), (1, "east")):
        answer = site.session.put(f"{site.url}/v1/assets/{asset['id']}/focal-point",
                                  json={"x": x, "y": 0.5})
        assert answer.status_code == 200
        wanted = site.variant(asset, f"w=100&h=100&fit=cover&g={gravity}&fm=png")[1]
        assert difference(shown(), wanted.convert("RGB")) < 1
    assert site.delete(f"/v1/assets/{asset['id']}/focal-point").status_code == 204
    assert difference(shown(), middle) == 0
    plain = site.get(f"/i/{asset['id']}?w=100&fm=png")
    assert plain.status_code == 200


def test_it_is_still_known_after_a_restart(start_server):
    site = start_server()
    asset = site.put_inspected(encoded(scene(300, 200), "jpeg"))
    site.session.put(f"{site.url}/v1/assets/{asset['id']}/focal-point", json={"x": 0.25, "y": 1})
    site.stop()
    site.start()
    assert site.get(f"/v1/assets/{asset['id']}").json()["focal_point"] == {"x": 0.25, "y": 1}
