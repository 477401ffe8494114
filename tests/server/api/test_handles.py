"""Handles on a running server: looking, listing, lifetimes, whose they are."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

import numpy as np
import pytest

from sureflow_server.api.handle_record import FramesRecord, HandleList, HandleRecord
from tests.server.api.test_edit import edit, icon, made, same, states
from tests.server.asking import refusal
from tests.server.conftest import Guarded, add_key
from tests.server.running import Server, eventually


def test_a_handle_shows_its_trajectory(server: Server) -> None:
    first = icon(server, confidence={"profile": True}, rewind={"keep": [0.25, 0.5]})
    link = first["handle"]
    answer = server.client.get(f"/v1/handles/{link['id']}", params={"format": "list"})
    record = HandleRecord.model_validate_json(answer.content)
    assert record.id == link["id"]
    assert record.profile.model_dump() == first["profile"]
    assert record.steps == first["steps"]["accepted"]
    assert record.commits[0].model_dump() == first["commit"]
    assert [frame.t for frame in record.frames] == pytest.approx(link["frames"])
    assert record.bytes + sum(frame.bytes for frame in record.frames) == link["bytes"]
    assert record.expires_at.isoformat().replace("+00:00", "Z") == link["expires_at"]
    assert same(record.sample.model_dump(), first)
    assert record.parent is None


def test_a_handle_and_a_job_name_the_request_that_made_them(server: Server) -> None:
    body = {"model": "points", "rewind": {"keep": "commit"}}
    answer = server.generate(**body)
    handle = answer["samples"][0]["handle"]["id"]
    assert server.client.get(f"/v1/handles/{handle}").json()["request"] == answer["id"]
    newest = server.client.get("/v1/handles", params={"limit": 1}).json()["handles"][0]
    assert (newest["id"], newest["request"]) == (handle, answer["id"])
    begun = server.client.post("/v1/generate", json=body, headers={"Prefer": "respond-async"})
    assert begun.json()["request"] == begun.headers["x-request-id"]


def asked(server: Server, handle: dict[str, Any]) -> Any:
    return server.client.get(f"/v1/handles/{handle['id']}").json()["asked"]


def test_a_handle_tells_the_request_that_made_it(server: Server) -> None:
    """So that it can be asked again: with the model and the seed that the server chose."""
    body = {
        "n": 2,
        "rewind": {},
        "sampler": {"steps": 4},
        "filter": {"by": "uncertainty", "top": 1},
    }
    answer = server.generate(**body)
    first = answer["samples"][1]
    said = asked(server, first["handle"])
    assert said == {
        "path": "/v1/generate",
        "request": {**body, "model": "points", "seed": answer["seed"]},
    }
    again = server.generate(**said["request"])
    assert again["samples"][1]["data"] == first["data"]
    wanted = {"handle": first["handle"]["id"], "operations": [{"type": "resample"}], "rewind": {}}
    edited = server.client.post("/edit", json=wanted).json()
    request = {**wanted, "seed": edited["seed"]}
    assert asked(server, edited["samples"][0]["handle"]) == {"path": "/v1/edit", "request": request}
    plain = server.client.post("/v1/edit", json={**wanted, "operations": []}).json()
    kept = asked(server, plain["samples"][0]["handle"])
    assert kept["request"] == {**wanted, "operations": []}


def test_a_request_in_other_words_is_kept_in_ours(server: Server) -> None:
    """What came as clients of OpenAI and of Triton have it makes the same samples as `generate`."""
    images = {
        "prompt": "Stripes",
        "size": "4x4",
        "n": 2,
        "user": "me",
        "guidance": {"scale": 2.0},
        "sampler": {"steps": 4},
        "deadline_s": None,
        "rewind": {"keep": [0.5]},
    }
    answer = server.client.post("/v1/images/generations", json=images).json()
    first = answer["data"][1]
    said = asked(server, first["handle"])
    kept = {name: images[name] for name in ("n", "guidance", "sampler", "rewind")}
    assert said == {
        "path": "/v1/generate",
        "request": {
            **kept,
            "model": "icons",
            "seed": answer["seed"],
            "condition": {"label": "stripes"},
        },
    }
    assert server.generate(**said["request"])["samples"][1]["data"] == first["b64_json"]
    parameters = {"n": 2, "label": 1, "steps": 4, "rewind.keep": "commit", "timeout": 9_000_000}
    inference = {"inputs": [], "parameters": parameters}
    answer = server.client.post("/v2/models/icons/infer", json=inference).json()
    outputs = {each["name"]: each["data"] for each in answer["outputs"]}
    said = asked(server, {"id": outputs["handle"][1]})
    assert said["request"] == {
        "model": "icons",
        "seed": answer["parameters"]["seed"],
        "n": 2,
        "condition": {"label": 1},
        "sampler": {"steps": 4},
        "rewind": {"keep": "commit"},
        "deadline_s": 9.0,
    }
    (_, same) = server.generate(**said["request"], output={"format": "npy"})["samples"]
    data = np.load(io.BytesIO(base64.b64decode(same["data"])))
    np.testing.assert_array_equal(np.float32(outputs["samples"]).reshape(2, -1)[1], data.ravel())


def test_a_given_sample_is_told_with_what_was_asked_of_it(server: Server) -> None:
    """Alone, however large the others were; asked again it has its scores, whatever they draw."""
    body = {
        "model": "icons",
        "samples": [[[0.1 * n] * 4] * 4 for n in range(200)],
        "condition": {"label": 1},
        "sampler": {"method": "heun", "steps": 4},
        "confidence": {"method": "residual"},
        "rewind": {},
        "output": {"format": "npy"},
    }
    answer = server.client.post("/v1/invert", json=body).json()
    first = answer["samples"][199]
    said = asked(server, first["handle"])
    (given,) = said["request"].pop("samples")
    array = np.load(io.BytesIO(base64.b64decode(given)))
    np.testing.assert_array_equal(array, np.float32([body["samples"][199]]))
    del body["samples"]
    assert said == {"path": "/v1/invert", "request": {**body, "seed": 0, "first": 199}}
    again = server.client.post("/v1/invert", json={**said["request"], "samples": [given]}).json()
    assert same(again["samples"][0], {**first, "handle": again["samples"][0]["handle"]})
    other = {**said["request"], "samples": [given], "first": 0}
    moved = server.client.post("/v1/invert", json=other).json()["samples"][0]
    assert (moved["data"], moved["index"]) == (first["data"], 0)
    assert moved["uncertainty"] != first["uncertainty"], "it draws"


def test_a_long_request_is_not_kept(server: Server) -> None:
    long = server.client.post(
        "/v1/generate",
        content=b" " * 3000 + b'{"rewind": {}}',
        headers={"Content-Type": "application/json"},
    ).json()
    assert asked(server, long["samples"][0]["handle"]) is None


@pytest.mark.parametrize(("keep", "spared"), [([], 0), ([0.5], 5), ("all", 5)])
def test_a_trajectory_is_looked_through(server: Server, keep: Any, spared: int) -> None:
    sampler = {"method": "euler", "steps": 10}
    first = icon(server, sampler=sampler, rewind={"keep": keep}, confidence={"map": True})
    path = f"/v1/handles/{first['handle']['id']}/frames"
    show = ["state", "prediction", "map"]
    answer = server.client.get(path, params={"show": show, "format": "list"})
    everything = FramesRecord.model_validate_json(answer.content)
    assert [view.step for view in everything.views] == list(range(11))
    assert everything.views[-1].state == first["data"]
    last = np.array(everything.views[-2].prediction, np.float32)
    np.testing.assert_allclose(last, first["data"], atol=1e-6)
    for view, after in zip(everything.views[:-1], everything.views[1:], strict=True):
        x, end = np.array(view.state), np.array(view.prediction)
        step = x + (end - x) * (after.t - view.t) / (1 - view.t)
        np.testing.assert_allclose(after.state, step, atol=1e-5)
        assert np.shape(view.map) == (1, 4, 4)
    summed = everything.views[-1].uncertainty
    assert summed == pytest.approx(np.sum(first["map"]), rel=1e-5)
    some = server.client.get(path, params={"t": [0.5, 0.78, 1], "show": "map"}).json()
    assert [view["step"] for view in some["views"]] == [5, 7, 10]
    assert "state" not in some["views"][0]
    assert some["evaluations"] == 8 - spared
    one = server.client.get(path, params={"t": 0.5, "format": "list"}).json()
    assert one["views"][0]["state"] == everything.views[5].state


def test_pictures_of_a_trajectory(server: Server) -> None:
    first = icon(server)
    path = f"/v1/handles/{first['handle']['id']}/frames"
    answer = server.client.get(path, params={"t": 0.5}).json()
    assert answer["media_type"] == "image/png"
    assert answer["views"][0]["state"].startswith("iVBOR")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"t": 1.5}, "t.0"),
        ({"t": "nan"}, "t.0"),
        ({"t": "x"}, "t.0"),
        ({"show": "taste"}, "show.0"),
        ({"format": "gif"}, "format"),
        ({"format": "png"}, "format"),
        ({"t": [0.5] * 1002}, "t"),
    ],
    ids=str,
)
def test_a_wrong_question_is_named(server: Server, query: dict[str, Any], field: str) -> None:
    first = made(server, sampler={"steps": 2})
    path = f"/v1/handles/{first['handle']['id']}/frames"
    document = refusal(server.client.get(path, params=query), 422, "validation")
    assert document["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": 0}, "limit"), ({"limit": 1001}, "limit"), ({"before": 10**30}, "before")],
    ids=str,
)
def test_a_wrong_page_is_named(server: Server, query: dict[str, Any], field: str) -> None:
    document = refusal(server.client.get("/v1/handles", params=query), 422, "validation")
    assert document["errors"][0]["field"] == field


def test_handles_are_listed_newest_first(guarded: Guarded) -> None:
    token = add_key(guarded.file, "generate", "edit")
    assert guarded.request("GET", "/v1/handles", token).json() == {"handles": [], "next": None}
    body = {"n": 5, "rewind": {}, "sampler": {"steps": 2}}
    answer = guarded.request("POST", "/v1/generate", token, json=body).json()
    ids = {sample["handle"]["id"] for sample in answer["samples"]}
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        listed = guarded.request("GET", "/v1/handles", token, params=query)
        page = HandleList.model_validate_json(listed.content)
        found += [entry.id for entry in page.handles]
        if page.next is None:
            break
        query["before"] = page.next
    assert len(found) == 5
    assert set(found) == ids


def test_somebody_elses_handle_is_none(guarded: Guarded) -> None:
    own, other = (add_key(guarded.file, "generate", "edit") for _ in range(2))
    made = guarded.request("POST", "/v1/generate", own, json={"rewind": {}}).json()
    id = made["samples"][0]["handle"]["id"]
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/v1/handles/{id}", {}),
        ("GET", f"/v1/handles/{id}/frames", {}),
        ("DELETE", f"/v1/handles/{id}", {}),
        ("POST", "/v1/edit", {"json": {"handle": id}}),
    ]
    for method, path, options in asked:
        document = refusal(guarded.request(method, path, other, **options), 404, "unknown-handle")
        never = path.replace(id, "hdl_" + 22 * "A")
        absent = {"json": {"handle": "hdl_" + 22 * "A"}} if options else {}
        unknown = refusal(guarded.request(method, never, other, **absent), 404, "unknown-handle")
        assert document["title"] == unknown["title"]
        assert document["detail"].replace(id, "") == unknown["detail"].replace(
            "hdl_" + 22 * "A", ""
        )
    assert guarded.request("GET", "/v1/handles", other).json()["handles"] == []
    for method, path, options in asked:
        assert guarded.request(method, path, own, **options).is_success or method == "POST"


@pytest.mark.parametrize("id", ["x", "hdl_", "hdl_" + 23 * "A", "..%2F..", "%00", "hdl_%C3%A9" * 3])
def test_what_is_no_id_is_no_handle(server: Server, id: str) -> None:
    for path in (f"/v1/handles/{id}", f"/v1/handles/{id}/frames"):
        assert server.client.get(path).status_code == 404
    response = server.client.post("/v1/edit", json={"handle": id})
    refusal(response, 404, "unknown-handle")


def test_a_deleted_handle_is_unknown(server: Server) -> None:
    id = made(server)["handle"]["id"]
    assert server.client.delete(f"/v1/handles/{id}").status_code == 204
    refusal(server.client.get(f"/v1/handles/{id}"), 404, "unknown-handle")
    refusal(server.client.delete(f"/v1/handles/{id}"), 404, "unknown-handle")
    refusal(server.client.post("/v1/edit", json={"handle": id}), 404, "unknown-handle")


def test_an_expired_handle_is_gone(server: Server) -> None:
    """The time of the store decides, not whether it has been swept."""
    id = made(server, rewind={"ttl_s": 0.3})["handle"]["id"]
    eventually(lambda: server.client.get(f"/v1/handles/{id}").status_code == 410)
    refusal(server.client.get(f"/v1/handles/{id}/frames"), 410, "handle-expired")
    refusal(server.client.post("/v1/edit", json={"handle": id}), 410, "handle-expired")


def test_the_lifetime_is_what_was_asked_for(server: Server) -> None:
    before = time.time()
    record = made(server, rewind={"ttl_s": 1000})["handle"]
    shown = HandleRecord.model_validate_json(
        server.client.get(f"/v1/handles/{record['id']}").content
    )
    lifetime = (shown.expires_at - shown.created_at).total_seconds()
    assert lifetime == pytest.approx(1000, abs=1e-3)
    assert before - 1 <= shown.created_at.timestamp() <= time.time() + 1


def test_views_of_a_handle_are_those_of_its_parent_at_first(server: Server) -> None:
    first = icon(server, sampler={"steps": 6})
    answer = edit(server, first, at={"step": 3}, operations=[{"type": "resample"}], rewind={})
    (child,) = answer["samples"]
    before, after = states(server, first), states(server, child)
    assert [view["state"] for view in before[:3]] == [view["state"] for view in after[:3]]
    assert before[3]["state"] != after[3]["state"]
