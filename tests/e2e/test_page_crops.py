# SPDX-License-Identifier: Apache-2.0
"""What crops keep, on the page, played in Chromium (web/tests/crop_scenarios.mjs): the focal point,
and faces where a detector is configured."""

from picture_files import encoded, scene
from test_faces import MODEL, hall, needs_model
from test_http_access import bearer, make_key
from test_page import play


def test_a_focal_point_is_set_seen_and_removed(start_server):
    site = start_server()
    asset = site.put_inspected(encoded(scene(900, 500), "jpeg"))["id"]
    play(site, "focal", id=asset)
    assert site.get(f"/v1/assets/{asset}").json()["focal_point"] is None


def test_the_recipe_editors_crop_follows_the_focal_point(start_server):
    site = start_server()
    asset = site.put_inspected(encoded(scene(900, 300), "jpeg"))["id"]
    assert site.get(f"/v1/assets/{asset}").json()["finds_faces"] is False
    play(site, "focalInEditor", id=asset)


def test_previews_are_signed_where_that_is_required(start_server):
    site = start_server({"delivery.require_signature": "true", "delivery.signing_key": "secret"})
    play(site, "focal", id=site.put_inspected(encoded(scene(900, 500), "jpeg"))["id"])
    play(site, "focalInEditor", id=site.put_inspected(encoded(scene(900, 300), "jpeg"))["id"])


def test_a_key_that_may_not_is_told_so(start_server):
    site = start_server()
    asset = site.put_inspected(encoded(scene(900, 500), "jpeg"))["id"]
    point = {"x": 0.75, "y": 0.25}
    site.session.put(f"{site.url}/v1/assets/{asset}/focal-point", json=point)
    admin = make_key(site, ["admin"])["key"]
    read = make_key(site, ["read"], admin)["key"]
    play(site, "focalRefused", id=asset, read=read, point=point)
    shown = site.get(f"/v1/assets/{asset}", headers=bearer(read)).json()
    assert shown["focal_point"] == point


def test_a_focal_point_is_set_by_a_finger(start_server):
    site = start_server()
    play(site, "focalNarrow", id=site.put_inspected(encoded(scene(900, 500), "jpeg"))["id"])


@needs_model
def test_faces_are_offered_where_they_are_found(start_server):
    site = start_server({"models.faces": MODEL})
    asset = site.put_inspected(encoded(hall((930, 100, 200)), "jpeg", quality=92))["id"]
    assert site.get(f"/v1/assets/{asset}").json()["finds_faces"] is True
    text = site.put_settled(b"no picture at all")["id"]
    assert site.get(f"/v1/assets/{text}").json()["finds_faces"] is False
    play(site, "faces", id=asset)
