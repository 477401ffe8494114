"""Every field of an edit that is wrong is named, and nothing is lost by it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.api.test_edit import edit, icon, same
from tests.server.running import Server

MASK = [[1, 0, 0, 0]] * 4
WHOLE = [[0.5] * 4] * 4


@pytest.fixture(scope="module")
def sample(server: Server) -> dict[str, Any]:
    return icon(server, sampler={"steps": 5}, condition={"label": 0}, guidance={"scale": 1.5})


def operation(kind: str, **fields: Any) -> dict[str, Any]:
    return {"operations": [{"type": "condition"}, {"type": kind, **fields}]}


def guide(operator: str, **fields: Any) -> dict[str, Any]:
    return operation("guide", operator=operator, **fields)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"handle": 3}, "handle"),
        ({"handle": "x" * 65}, "handle"),
        ({"at": "begin"}, "at"),
        ({"at": 0.5}, "at"),
        ({"at": {}}, "at.commit"),
        ({"at": {"t": 1}}, "at.t"),
        ({"at": {"t": -0.1}}, "at.t"),
        ({"at": {"t": "0.5"}}, "at.t"),
        ({"at": {"step": 5}}, "at.step"),
        ({"at": {"step": -1}}, "at.step"),
        ({"at": {"step": 1.5}}, "at.step"),
        ({"at": {"t": 0.5, "step": 1}}, "at.step"),
        ({"at": {"commit": 0}}, "at.commit"),
        ({"at": {"commit": 8}}, "at.commit"),
        ({"at": {"commit": 1, "shift": 1}}, "at.shift"),
        ({"branches": 0}, "branches"),
        ({"branches": 65}, "branches"),
        ({"branches": 2}, "branches"),
        ({"branches": 2, **operation("inpaint", mask=MASK)}, "branches"),
        ({"branches": 2, **guide("brightness")}, "branches"),
        ({"keep": "worst"}, "keep"),
        ({"seed": -1}, "seed"),
        ({"colour": 1}, "colour"),
        ({"operations": 3}, "operations"),
        ({"operations": [{"type": "resample"}] * 9}, "operations"),
        ({"operations": [{"type": "condition"}] * 2}, "operations"),
        ({"operations": [{"type": "paint"}]}, "operations.0"),
        ({"operations": [{}]}, "operations.0"),
        ({"operations": [3]}, "operations.0"),
        (operation("resample", strength=0), "operations.1.strength"),
        (operation("resample", strength=1.1), "operations.1.strength"),
        (operation("resample", more=1), "operations.1.more"),
        (operation("resample", region="some"), "operations.1.region"),
        (operation("resample", region=3), "operations.1.region"),
        (operation("resample", region={"uncertain": 0}), "operations.1.region.uncertain"),
        (operation("resample", region={"uncertain": 2}), "operations.1.region.uncertain"),
        (operation("resample", region={}), "operations.1.region.uncertain"),
        (operation("resample", region={"mask": 3}), "operations.1.region.mask"),
        (operation("resample", region={"mask": [[1]]}), "operations.1.region.mask"),
        (operation("resample", region={"mask": [[0] * 4] * 4}), "operations.1.region.mask"),
        (operation("resample", region={"mask": "AAAA"}), "operations.1.region.mask"),
        ({"operations": [{"type": "condition", "label": 9}]}, "operations.0.label"),
        ({"operations": [{"type": "condition", "label": "tree"}]}, "operations.0.label"),
        ({"operations": [{"type": "condition", "scale": 101}]}, "operations.0.scale"),
        (operation("inpaint"), "operations.1.mask"),
        (operation("inpaint", mask=MASK, known=[1]), "operations.1.known"),
        (operation("inpaint", mask=MASK, known=[[1e300] * 4] * 4), "operations.1.known"),
        (operation("inpaint", mask=MASK, inner=0), "operations.1.inner"),
        (operation("inpaint", mask=MASK, inner=65), "operations.1.inner"),
        (operation("guide"), "operations.1.operator"),
        (guide("magic"), "operations.1.operator"),
        (guide("x" * 65), "operations.1.operator"),
        (guide("mask", mask=MASK), "operations.1.target"),
        (guide("mask", target=WHOLE), "operations.1.mask"),
        (guide("mask", target=[[1.0]], mask=MASK), "operations.1.target"),
        (guide("blur"), "operations.1.target"),
        (guide("blur", target=WHOLE, sigma=0), "operations.1.sigma"),
        (guide("blur", target=WHOLE, sigma=5), "operations.1.sigma"),
        (guide("downsample", target=WHOLE), "operations.1.target"),
        (guide("downsample", target=[[1.0]], factor=3), "operations.1.factor"),
        (guide("downsample", target=[[1.0]], factor=1), "operations.1.factor"),
        (guide("brightness", strength=0), "operations.1.strength"),
        ({"sampler": {"grid": "dense"}}, "sampler.grid"),
        ({"sampler": {"method": "euler", "parallel": {"window": 2}}}, "sampler.parallel"),
        ({"at": {"step": 4}, "sampler": {"steps": 1000}}, "sampler.steps"),
        ({"confidence": {"method": "vibes"}}, "confidence.method"),
        ({"confidence": {"method": "likelihood"}}, "confidence.method"),
        (
            {
                "operations": [{"type": "condition", "scale": 1}],
                "confidence": {"method": "likelihood"},
            },
            "confidence.method",
        ),
        ({"filter": {"by": "uncertainty", "max": 1, "action": "rewind"}}, "filter"),
        ({"filter": {"by": "uncertainty", "max": 1, "accept": 1}}, "filter"),
        ({"filter": {"by": "uncertainty", "top": 2}}, "filter.top"),
        ({"filter": {"keep": 0.5}}, "filter.keep"),
        ({"filter": {"min": 0.5, "early": True}}, "filter.early"),
        ({"rewind": {"keep": "none"}}, "rewind.keep"),
        ({"rewind": {"ttl_s": 1e9}}, "rewind.ttl_s"),
        ({"output": {"format": "gif"}}, "output.format"),
        ({"deadline_s": -1}, "deadline_s"),
        ({"priority": 11}, "priority"),
    ],
    ids=str,
)
def test_a_value_out_of_place_is_named(
    server: Server, sample: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    given = {"handle": sample["handle"]["id"], **body}
    response = server.client.post("/v1/edit", json=given)
    assert response.status_code == 422, response.text
    document = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in document["errors"]] == [field]
    assert all(error["message"] for error in document["errors"])


def test_nothing_was_lost_by_it(server: Server, sample: dict[str, Any]) -> None:
    assert same(edit(server, sample)["samples"][0], sample)


def test_a_handle_is_needed(server: Server) -> None:
    response = server.client.post("/v1/edit", json={})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["handle"]


def test_a_model_without_classes_takes_no_condition(server: Server) -> None:
    sample = server.generate(rewind={})["samples"][0]
    for change, field in (({"label": 0}, "label"), ({"scale": 2}, "scale")):
        body = {
            "handle": sample["handle"]["id"],
            "operations": [{"type": "condition", **change}],
        }
        response = server.client.post("/v1/edit", json=body)
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == f"operations.0.{field}"
