"""Trajectories that are taken up again, on a running server."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from httpx_sse import connect_sse
from safetensors.numpy import load

from sureflow.core.codec import npy
from sureflow.families.flow.codec import png
from sureflow_server.api.responses import EditResponse
from tests.server.running import Server, eventually

RESAMPLE = {"type": "resample"}
MASK = [[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
TOP = np.array(MASK, bool)[None]


def made(server: Server, **body: Any) -> dict[str, Any]:
    """A sample with a handle."""
    sample: dict[str, Any] = server.generate(**{"rewind": {}, **body})["samples"][0]
    return sample


def icon(server: Server, **body: Any) -> dict[str, Any]:
    return made(server, **{"model": "icons", "seed": 3, "output": {"format": "list"}, **body})


def edit(server: Server, handle: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Edit the handle of a sample."""
    given = {"output": {"format": "list"}, **body, "handle": handle["handle"]["id"]}
    response = server.client.post("/v1/edit", json=given)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    EditResponse.model_validate(answer)
    return answer


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two records are of the same sample in all that it is."""
    is_ = ("data", "uncertainty", "scores", "commit", "steps", "finish_reason", "tolerance", "seed")
    return all(one[name] == other[name] for name in is_)


SAMPLERS: dict[str, dict[str, Any]] = {
    "heun": {"sampler": {"method": "heun", "steps": 10}},
    "ab2": {"sampler": {"method": "ab2", "steps": 12}},
    "fitted": {"sampler": {"method": "heun", "steps": 10, "grid": "fitted"}},
    "tolerance": {"sampler": {"method": "dopri5", "tolerance": 1e-3}},
    "adaptive ab2": {"sampler": {"method": "ab2", "tolerance": 0.03}},
    "out of steps": {"sampler": {"method": "heun", "tolerance": 1e-4, "max_steps": 5}},
    "guided": {"condition": {"label": 1}, "guidance": {"scale": 1.5}, "sampler": {"steps": 8}},
    "divergence": {
        "sampler": {"steps": 6},
        "confidence": {"method": "divergence", "also": ["residual", "likelihood"]},
    },
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_without_an_operation_the_rest_comes_out_as_it_was(server: Server, name: str) -> None:
    first = icon(server, **SAMPLERS[name], rewind={"keep": [0.0, 0.3, 0.7]})
    if name == "out of steps":
        assert first["finish_reason"] == "max_steps"
    rank = server.client.get(f"/v1/handles/{first['handle']['id']}").json()
    places: list[Any] = [{"t": 0}, {"t": 0.31}, {"t": 0.999}, {"step": 0}, {"step": 2}, "commit"]
    places += [{"commit": n + 1, "shift": -0.1} for n in range(len(rank["commits"]))]
    for at in places:
        answer = edit(server, first, at=at)
        (again,) = answer["samples"]
        assert same(again, first), at
        assert same(answer["original"], first)
        assert again["parent"] == first["handle"]["id"]
        assert again["handle"] is None
        assert again["evaluations"] <= first["evaluations"] + 1
        assert answer["chosen"] is None, "no branch is surer than its like"
        assert answer["at"]["step"] <= rank["steps"] - 1


@pytest.mark.parametrize(("method", "each"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_an_edit_costs_what_is_left(server: Server, method: str, each: int) -> None:
    """From t = 0.6 of 50 steps, with a frame there: 20 steps, and one evaluation to draw anew."""
    sampler = {"method": method, "steps": 50}
    first = made(server, sampler=sampler, rewind={"keep": [0.6]})
    assert first["handle"]["frames"] == [0.6]
    assert first["evaluations"] == 50 * each
    again = edit(server, first, at={"t": 0.6})
    assert again["usage"]["evaluations"] == 20 * each
    three = edit(server, first, at={"t": 0.6}, operations=[RESAMPLE], branches=3)
    assert three["usage"]["evaluations"] == 3 * (20 * each + 1)
    assert three["at"] == {"t": pytest.approx(0.6), "step": 30}
    before = edit(server, first, at={"t": 0.5})
    assert before["usage"]["evaluations"] == 50 * each, "no frame so early"


def test_branches_differ_and_the_surest_is_chosen(server: Server) -> None:
    first = icon(server, condition={"label": 1}, seed=8)
    answer = edit(server, first, operations=[RESAMPLE], branches=6, seed=5, rewind={})
    records = answer["samples"]
    assert [record["index"] for record in records] == list(range(6))
    assert {record["seed"] for record in records} == {5}
    assert len({json.dumps(record["data"]) for record in [first, *records]}) == 7
    assert all(record["confidence_holds"] is False for record in records)
    ranked = [*(record["confidence"] for record in records), first["confidence"]]
    best = int(np.argmax(ranked))
    assert answer["chosen"] == (best if best < 6 else None)
    again = edit(server, first, operations=[RESAMPLE], branches=6, seed=5)
    assert [record["data"] for record in again["samples"]] == [r["data"] for r in records]
    few = edit(server, first, operations=[RESAMPLE], branches=2, seed=5)
    assert [r["data"] for r in few["samples"]] == [r["data"] for r in records[:2]]


def test_a_branch_is_made_alone_by_its_seed_and_index(server: Server) -> None:
    whole = icon(server, condition={"label": 1}, seed=8)
    made = edit(server, whole, operations=[RESAMPLE], branches=4, seed=5)["samples"]
    for branch in made:
        answer = edit(server, whole, operations=[RESAMPLE], seed=5, first=branch["index"])
        assert answer["samples"] == [branch]
    two = edit(server, whole, operations=[RESAMPLE], branches=2, seed=5, first=2)["samples"]
    assert two == made[2:]
    body = {"handle": whole["handle"]["id"], "first": 2}
    refused = server.client.post("/v1/edit", json=body).json()
    assert [error["field"] for error in refused["errors"]] == ["first"]


@pytest.mark.parametrize("seed", range(4))
def test_only_the_best_is_sent(server: Server, seed: int) -> None:
    first = icon(server, condition={"label": 1}, seed=seed)
    answer = edit(server, first, operations=[RESAMPLE], branches=3, seed=1, keep="best")
    sent = [place for place, record in enumerate(answer["samples"]) if record["data"] is not None]
    chosen = answer["chosen"]
    assert sent == ([] if chosen is None else [chosen])
    assert (answer["original"]["data"] is None) == (chosen is not None)


def test_what_the_filter_turns_down_is_not_chosen(server: Server) -> None:
    first = icon(server, condition={"label": 1})
    never = {"by": "uncertainty", "max": -1e9, "action": "drop"}
    answer = edit(server, first, operations=[RESAMPLE], branches=3, filter=never)
    assert answer["chosen"] is None
    assert [r["decision"]["action_taken"] for r in answer["samples"]] == ["dropped"] * 3
    assert all(record["data"] is None for record in answer["samples"])


def test_regions(server: Server) -> None:
    """At t = 0 a component of the noise is as it was, or drawn anew; the rest is in the state."""
    first = icon(server, rewind={"keep": "all"})
    (view,) = states(server, first, t=0)
    for region, moved in ((None, 16), ({"mask": MASK}, 8), ({"uncertain": 0.25}, 4)):
        operation = RESAMPLE if region is None else {**RESAMPLE, "region": region}
        answer = edit(server, first, at={"step": 0}, operations=[operation], rewind={})
        (other,) = states(server, answer["samples"][0], t=0)
        changed = np.array(view["state"]) != np.array(other["state"])
        assert changed.sum() == moved
        if moved == 8:
            np.testing.assert_array_equal(changed, TOP)


def states(server: Server, sample: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    path = f"/v1/handles/{sample['handle']['id']}/frames"
    answer = server.client.get(path, params={"format": "list", **query}).json()
    views: list[dict[str, Any]] = answer["views"]
    return views


def test_another_class_from_here_on(server: Server) -> None:
    """From noise on it is the sample of that class with the same noise."""
    first = icon(server, condition={"label": "half"})
    stripes = icon(server, condition={"label": "stripes"})
    change = [{"type": "condition", "label": "stripes"}]
    answer = edit(server, first, at={"t": 0}, operations=change)
    assert answer["samples"][0]["data"] == stripes["data"]
    guided = icon(server, condition={"label": 1}, guidance={"scale": 2})
    change = [{"type": "condition", "label": 1, "scale": 2}]
    answer = edit(server, first, at={"step": 0}, operations=change)
    assert answer["samples"][0]["data"] == guided["data"]
    late = edit(server, first, at={"t": 0.9}, operations=change)
    distance = np.abs(np.subtract(late["samples"][0]["data"], first["data"])).mean()
    assert distance < np.abs(np.subtract(guided["data"], first["data"])).mean()


def test_scores_that_hold_no_more_are_left_out(server: Server) -> None:
    first = icon(server, condition={"label": 1}, confidence={"also": ["likelihood", "adherence"]})
    change = [{"type": "condition", "scale": 2}]
    (record,) = edit(server, first, operations=change)["samples"]
    assert set(record["scores"]) == {"propagated", "adherence"}


def forms(array: np.ndarray[Any, Any]) -> list[Any]:
    """The same array as lists and as files; in [-1, 1], as a picture."""
    raw = array.astype(np.float32)
    files = [npy(raw), png(raw)]
    return [raw.tolist(), raw[0].tolist(), *(base64.b64encode(file).decode() for file in files)]


def test_the_known_part_is_kept_exactly(server: Server) -> None:
    first, other = icon(server), icon(server, seed=4)
    known = np.array(other["data"], np.float32)
    masks = forms(np.where(TOP, 1, -1))
    answers = []
    for mask in masks:
        paint = {"type": "inpaint", "mask": mask, "known": known.tolist(), "inner": 2}
        answer = edit(server, first, at={"t": 0.2}, operations=[paint], branches=2, seed=1)
        for record in answer["samples"]:
            data = np.array(record["data"], np.float32)
            np.testing.assert_array_equal(data[TOP], known[TOP])
            assert (data[~TOP] != known[~TOP]).all()
        answers.append([record["data"] for record in answer["samples"]])
    assert answers[0][0] != answers[0][1]
    assert all(answer == answers[0] for answer in answers)
    (own,) = edit(server, first, operations=[{"type": "inpaint", "mask": MASK}])["samples"]
    np.testing.assert_array_equal(np.array(own["data"])[TOP], np.array(first["data"])[TOP])


def test_measurements_are_explained(server: Server) -> None:
    """A pull along the whole way brings the sample to what was measured."""
    first = icon(server)
    target = np.clip(np.array(icon(server, seed=11)["data"]), -1, 1).astype(np.float32)
    for written in forms(target)[:3]:
        guide = {"type": "guide", "operator": "mask", "mask": MASK, "target": written}
        (record,) = edit(server, first, at={"t": 0}, operations=[guide])["samples"]
        np.testing.assert_allclose(np.array(record["data"])[TOP], target[TOP], atol=1e-4)
    blocks = target.reshape(1, 2, 2, 2, 2).mean((2, 4))
    guide = {"type": "guide", "operator": "downsample", "target": blocks.tolist()}
    (record,) = edit(server, first, at={"t": 0}, operations=[guide])["samples"]
    means = np.array(record["data"]).reshape(1, 2, 2, 2, 2).mean((2, 4))
    np.testing.assert_allclose(means, blocks, atol=1e-4)
    guide = {"type": "guide", "operator": "brightness", "strength": 10.0}
    (bright,) = edit(server, first, at={"t": 0.3}, operations=[guide])["samples"]
    assert np.mean(bright["data"]) > np.mean(first["data"])
    blur = {"type": "guide", "operator": "blur", "sigma": 0.7, "target": target.tolist()}
    edit(server, first, operations=[blur, RESAMPLE])


def test_another_solver_for_the_rest(server: Server) -> None:
    first = icon(server, rewind={"keep": [0.5]})
    answer = edit(server, first, at={"t": 0.5}, sampler={"method": "rk4", "steps": 40})
    assert answer["usage"]["evaluations"] == 20 * 4
    tight = edit(server, first, at={"t": 0.5}, sampler={"method": "dopri5", "tolerance": 1e-5})
    one, two = answer["samples"][0], tight["samples"][0]
    np.testing.assert_allclose(one["data"], two["data"], atol=1e-3)
    assert two["tolerance"] == 1e-5


def test_a_solver_is_changed_field_by_field(server: Server) -> None:
    """What was left out was heun with 20 steps, whatever the trajectory was made by."""
    first = icon(server, sampler={"method": "midpoint", "steps": 12, "grid": "fitted"})
    for sampler in ({}, {"method": "midpoint"}, {"steps": 12}, {"grid": "fitted"}):
        (sample,) = edit(server, first, at={"t": 0}, sampler=sampler)["samples"]
        assert same(sample, first)
    (finer,) = edit(server, first, at={"t": 0}, sampler={"steps": 24})["samples"]
    whole = icon(server, sampler={"method": "midpoint", "steps": 24, "grid": "fitted"})
    assert same(finer, whole)
    (other,) = edit(server, first, at={"t": 0}, sampler={"tolerance": 1e-3})["samples"]
    assert same(other, icon(server, sampler={"method": "midpoint", "tolerance": 1e-3}))
    adaptive = icon(server, sampler={"method": "ab2", "tolerance": 1e-2, "min_steps": 5})
    (tighter,) = edit(server, adaptive, at={"t": 0}, sampler={"tolerance": 1e-3})["samples"]
    both = {"method": "ab2", "tolerance": 1e-3, "min_steps": 5}
    assert same(tighter, icon(server, sampler=both))
    (fixed,) = edit(server, adaptive, at={"t": 0}, sampler={"steps": 9})["samples"]
    assert same(fixed, icon(server, sampler={"method": "ab2", "steps": 9}))


def test_edits_of_edits(server: Server) -> None:
    """A chain of them comes out the same from key frames and from the origin of all.

    Before its own edit a trajectory is that of its parent, and so is what comes of it there.
    """
    link = icon(server, condition={"label": 0}, sampler={"steps": 6})
    operations: list[dict[str, Any]] = [
        RESAMPLE,
        {"type": "inpaint", "mask": MASK},
        {"type": "condition", "label": 1},
        {"type": "guide", "operator": "smoothness", "strength": 0.01},
    ]
    for number in range(8):
        begin = number % 5
        step = {"step": begin}
        operation = operations[number % 4]
        answer = edit(server, link, at=step, operations=[operation], rewind={"keep": "all"})
        (child,) = answer["samples"]
        assert child["parent"] == link["handle"]["id"]
        for at in {begin, max(begin, 3), 5}:
            assert edit(server, child, at={"step": at})["samples"][0]["data"] == child["data"]
        assert len(states(server, child)) == 7
        if begin and operation is not operations[2]:
            (before,) = edit(server, child, at={"step": 0})["samples"]
            assert before["data"] == edit(server, link, at={"step": 0})["samples"][0]["data"]
        link = child


def test_a_lineage_has_an_end_and_can_be_looked_through_to_it(server: Server) -> None:
    link = made(server, sampler={"method": "euler", "steps": 2})
    depth = 0
    while True:
        body = {"handle": link["handle"]["id"], "at": {"step": 1}, "rewind": {"keep": "all"}}
        response = server.client.post("/v1/edit", json=body)
        if response.status_code != 200:
            break
        link, depth = response.json()["samples"][0], depth + 1
        assert depth < 70
    assert response.json()["errors"][0]["field"] == "handle"
    assert depth == 63
    assert [view["step"] for view in states(server, link)] == [0, 1, 2]


def test_the_same_edit_is_done_once(server: Server) -> None:
    first = made(server)
    body = {"handle": first["handle"]["id"], "operations": [RESAMPLE], "rewind": {}}
    headers = {"Idempotency-Key": uuid4().hex}
    one, two = (server.client.post("/v1/edit", json=body, headers=headers) for _ in range(2))
    assert one.content == two.content, "the seed was drawn, and the handle is one"
    assert two.headers["idempotency-replayed"] == "true"
    other = {**body, "branches": 2}
    assert server.client.post("/v1/edit", json=other, headers=headers).status_code == 422


def test_who_leaves_an_edit_frees_its_lanes(server: Server) -> None:
    first = made(server, sampler={"method": "rk4", "steps": 200})
    labels = {"model": "points", "operation": "edit", "outcome": "cancelled"}
    before = server.metric("sureflow_requests_total", **labels)
    body = {
        "handle": first["handle"]["id"],
        "at": {"t": 0},
        "operations": [RESAMPLE],
        "branches": 64,
        "rewind": {"keep": "all"},
    }
    with pytest.raises(httpx.ReadTimeout):
        server.client.post("/v1/edit", json=body, timeout=0.2)
    eventually(lambda: server.metric("sureflow_requests_total", **labels) == before + 1)
    eventually(lambda: server.metric("sureflow_num_samples_running", model="points") == 0)
    newest = server.client.get("/v1/handles", params={"limit": 1000}).json()["handles"]
    assert sum(each["parent"] == first["handle"]["id"] for each in newest) < 64
    assert same(edit(server, first, at={"t": 0.9})["samples"][0], first)


def test_a_deadline_counts_what_is_left(server: Server) -> None:
    """What is impossible from noise on is possible from the last tenth."""
    first = made(server, sampler={"method": "rk4", "steps": 300}, rewind={"keep": [0.99]})
    body = {"handle": first["handle"]["id"], "operations": [RESAMPLE], "deadline_s": 0.02}
    refused = server.client.post("/v1/edit", json={**body, "at": {"t": 0}, "branches": 64})
    assert refused.status_code == 429, refused.text
    assert refused.json()["type"] == "urn:sureflow:problem:deadline-unreachable"
    easy = {**body, "at": {"t": 0.99}, "deadline_s": 60}
    assert server.client.post("/v1/edit", json=easy).status_code == 200


def test_samples_in_a_stream_have_their_handles(server: Server) -> None:
    body = {"n": 5, "seed": 2, "rewind": {"keep": "all"}, "sampler": {"steps": 5}}
    with connect_sse(server.client, "POST", "/v1/generate", json=body) as source:
        events = [(event.event, json.loads(event.data)) for event in source.iter_sse()]
    samples = [data for name, data in events if name == "sample"]
    assert events[-1][0] == "completed"
    assert events[-1][1]["warnings"] == []
    assert len({sample["handle"]["id"] for sample in samples}) == 5
    for sample in samples:
        assert same(edit(server, sample, at={"t": 0.5})["samples"][0], sample)


def test_tensors_come_with_their_handles(server: Server) -> None:
    body = {"model": "icons", "n": 3, "rewind": {}}
    headers = {"Accept": "application/x-safetensors"}
    content = server.client.post("/v1/generate", json=body, headers=headers).content
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    records = json.loads(header["__metadata__"]["record"])["samples"]
    for sample, data in zip(records, load(content)["samples"], strict=True):
        (again,) = edit(server, sample)["samples"]
        np.testing.assert_array_equal(np.array(again["data"], np.float32), data)


def test_inferences_have_handles_too(server: Server) -> None:
    body = {"inputs": [], "parameters": {"n": 2, "rewind.keep": "all"}}
    answer = server.client.post("/v2/models/points/infer", json=body).json()
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    for id, place in zip(outputs["handle"], range(2), strict=True):
        (again,) = edit(server, {"handle": {"id": id}})["samples"]
        assert again["data"] == pytest.approx(outputs["samples"][2 * place : 2 * place + 2])
