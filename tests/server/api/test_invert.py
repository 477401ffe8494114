"""Samples of one's own on a running server, against a mixture whose density is known."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from sureflow.core.codec import npy
from sureflow.families.flow.codec import png
from sureflow_server.api.responses import GenerateResponse
from tests.server.api.test_edit import edit, icon, same
from tests.server.conftest import POINTS
from tests.server.running import Server

GIVEN = [[2.1, 0.2], [-1.8, -0.1], [0.2, 2.3], [0.0, 0.0]]
"""In every mode, and between them."""


def invert(server: Server, **body: Any) -> list[dict[str, Any]]:
    response = server.client.post("/v1/invert", json=body)
    assert response.status_code == 200, response.text
    GenerateResponse.model_validate_json(response.content)
    samples: list[dict[str, Any]] = response.json()["samples"]
    return samples


def log_density(x: Any) -> float:
    """Exact; the numbers that the network is given are deviations."""
    weights = np.array(POINTS["weights"]) / sum(POINTS["weights"])
    parts = zip(weights, POINTS["means"], POINTS["covariances"], strict=True)
    return float(np.log(sum(w * multivariate_normal(m, c**2).pdf(x) for w, m, c in parts)))


def test_given_samples_come_back_with_their_density(server: Server) -> None:
    """The exact log-likelihood, to what the steps leave: more where the flow divides."""
    samples = invert(server, samples=GIVEN, confidence={"method": "likelihood"})
    fine = {"method": "rk4", "steps": 200}
    slow = invert(server, samples=GIVEN, confidence={"method": "likelihood"}, sampler=fine)
    for given, sample, exact in zip(GIVEN, samples, slow, strict=True):
        np.testing.assert_allclose(sample["data"], given, atol=2e-2)
        assert sample["inversion_error"] < 1e-2
        assert sample["uncertainty"] == pytest.approx(-log_density(given), abs=0.15)
        assert exact["uncertainty"] == pytest.approx(-log_density(given), abs=0.05)
        assert sample["handle"] is None
        assert sample["tolerance"] == 1e-4


def test_what_was_inverted_can_be_edited(server: Server) -> None:
    samples = invert(server, samples=GIVEN[:2], rewind={"keep": [0.5]})
    for sample in samples:
        for at in ({"t": 0}, {"t": 0.5}, "commit"):
            assert same(edit(server, sample, at=at)["samples"][0], sample)
        answer = edit(server, sample, operations=[{"type": "resample"}], branches=2)
        assert answer["original"]["inversion_error"] == sample["inversion_error"]
        assert all(record["data"] != sample["data"] for record in answer["samples"])


def test_pictures_are_taken_in_all_forms(server: Server) -> None:
    image = np.where(np.arange(16).reshape(1, 4, 4) % 2, -1, 1).astype(np.float32)
    forms = [image.tolist(), image[0].tolist()]
    forms += [base64.b64encode(file).decode() for file in (npy(image), png(image))]
    body = {"model": "icons", "samples": forms, "output": {"format": "list"}}
    samples = invert(server, **body, condition={"label": "stripes"})
    assert len({str(sample["data"]) for sample in samples}) == 1
    np.testing.assert_allclose(samples[0]["data"], image, atol=0.05)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
def test_levels_of_another_range_are_refused_where_samples_are_images(
    server: Server, dtype: Any
) -> None:
    """They were numbers far beyond white; a mask of them, and numbers of vectors, are none."""
    levels = base64.b64encode(npy((np.eye(4) * 200).astype(dtype))).decode()
    body = {"model": "icons", "samples": [levels]}
    refused = server.client.post("/v1/invert", json=body)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["field"] == "samples.0"
    assert f"holds {np.dtype(dtype)}" in error["message"]
    whole = icon(server)
    known = {"type": "inpaint", "mask": levels, "known": levels}
    edit_body = {"handle": whole["handle"]["id"], "at": {"t": 0}, "operations": [known]}
    refused = server.client.post("/v1/edit", json=edit_body)
    assert [error["field"] for error in refused.json()["errors"]] == ["operations.0.known"]
    del known["known"]
    assert server.client.post("/v1/edit", json=edit_body).status_code == 200
    assert invert(server, samples=[base64.b64encode(npy(np.array([1, 2], dtype))).decode()])


def test_a_fixed_grid_goes_both_ways(server: Server) -> None:
    heun = {"method": "heun"}
    (coarse,) = invert(server, samples=GIVEN[:1], sampler={**heun, "steps": 10})
    (fine,) = invert(server, samples=GIVEN[:1], sampler={**heun, "steps": 40})
    assert coarse["evaluations"] == 2 * 20
    assert fine["inversion_error"] < coarse["inversion_error"] / 4
    grid = {"steps": 16, "grid": "fitted"}
    (icon,) = invert(server, model="icons", samples=[[[0.5] * 4] * 4], sampler=grid)
    assert icon["inversion_error"] < 0.2


def test_options_that_are_given_leave_the_others_as_is_usual_here(server: Server) -> None:
    """Any one of them made heun of dopri5, with 20 steps or another control of the error."""
    (usual,) = invert(server, samples=GIVEN[:1])
    for sampler in ({}, {"method": "dopri5"}, {"tolerance": 1e-4}, {"max_steps": 250}):
        (sample,) = invert(server, samples=GIVEN[:1], sampler=sampler)
        assert (sample["data"], sample["evaluations"]) == (usual["data"], usual["evaluations"])
    (finer,) = invert(server, samples=GIVEN[:1], sampler={"tolerance": 1e-6})
    assert finer["inversion_error"] < usual["inversion_error"]
    (exact,) = invert(server, samples=GIVEN[:1], sampler={"method": "dopri5", "tolerance": 1e-6})
    assert finer["data"] == exact["data"]
    (other,) = invert(server, samples=GIVEN[:1], sampler={"method": "heun"})
    assert other["tolerance"] == 1e-4
    (steps,) = invert(server, samples=GIVEN[:1], sampler={"steps": 12})
    (same,) = invert(server, samples=GIVEN[:1], sampler={"method": "dopri5", "steps": 12})
    assert steps["data"] == same["data"]
    assert steps["tolerance"] is None
    (fixed,) = invert(server, samples=GIVEN[:1], sampler={"method": "rk4"})
    assert (fixed["tolerance"], fixed["steps"]["accepted"]) == (None, 20)


def test_the_error_of_a_sample_that_is_all_but_zero(server: Server) -> None:
    """It was 1e15, since it was divided by nothing."""
    near, grey = [[0.0, 0.0], [1e-9, 0.0]], [[[0.0] * 4] * 4]
    rough = {"method": "euler", "steps": 4}
    for sample in invert(server, samples=near, sampler=rough):
        assert 0.001 < sample["inversion_error"] < 3
    (icon,) = invert(server, model="icons", samples=grey)
    assert icon["inversion_error"] < 0.1


def test_what_does_not_come_back_has_no_confidence(server: Server) -> None:
    """It was scored as if it were what the model made of it, without a word."""
    off, own = [[[6.0, -6.0] * 2] * 4], [[[0.9] * 4] * 2 + [[-0.9] * 4] * 2]
    body = {"model": "icons", "sampler": {"method": "euler", "steps": 3}}
    answer = server.client.post("/v1/invert", json={**body, "samples": [*off, *own]}).json()
    missed, other = answer["samples"]
    assert missed["inversion_error"] > 0.1
    assert (missed["confidence"], missed["confidence_holds"]) == (None, None)
    (warning,) = answer["warnings"]
    assert "did not come back" in warning
    assert "index 0" in warning or other["inversion_error"] > 0.1
    good = server.client.post("/v1/invert", json={"model": "icons", "samples": own}).json()
    assert good["samples"][0]["inversion_error"] < 0.1
    assert good["samples"][0]["confidence"] is not None
    assert good["warnings"] == []


def test_the_likelihood_is_of_what_was_given_also_if_it_does_not_come_back(server: Server) -> None:
    """It was that of what came back, which lies nearer to a mode."""
    given = [-0.4, 0.1]
    body = {"samples": [given, GIVEN[0]], "confidence": {"method": "likelihood"}, "rewind": {}}
    answer = server.client.post("/v1/invert", json=body).json()
    off, fine = answer["samples"]
    assert off["inversion_error"] > 0.1 > fine["inversion_error"]
    assert off["confidence"] is off["confidence_holds"] is None
    assert off["uncertainty"] == pytest.approx(-log_density(given), abs=0.15)
    assert -log_density(off["data"]) < off["uncertainty"] - 2
    (warning,) = answer["warnings"]
    assert "index 0)" in warning
    assert "but for likelihood" in warning
    assert same(edit(server, off, at={"t": 0.5})["samples"][0], off)


def test_the_alias(server: Server) -> None:
    assert server.client.post("/invert", json={"samples": GIVEN}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "samples"),
        ({"samples": []}, "samples"),
        ({"samples": 3}, "samples"),
        ({"samples": [[1.0, 2.0], 3]}, "samples.1"),
        ({"samples": [[1.0, 2.0], []]}, "samples.1"),
        ({"samples": [[1.0, 2.0], [1.0]]}, "samples.1"),
        ({"samples": [[1.0, 2.0], [1.0, "2"]]}, "samples.1"),
        ({"samples": [[1.0, 2.0], [1.0, 1e300]]}, "samples.1"),
        ({"samples": ["AAAA"]}, "samples.0"),
        ({"samples": [[1.0, 2.0]] * 257}, "samples"),
        ({"samples": GIVEN, "model": "nobody"}, "model"),
        ({"samples": GIVEN, "n": 3}, "n"),
        ({"samples": GIVEN, "condition": {"label": 0}}, "condition.label"),
        ({"samples": GIVEN, "guidance": {"scale": 2}}, "guidance.scale"),
        ({"samples": GIVEN, "seed": -1}, "seed"),
        ({"samples": GIVEN, "sampler": {"grid": "fitted"}}, "sampler.grid"),
        (
            {"samples": GIVEN, "sampler": {"method": "euler", "parallel": {"window": 2}}},
            "sampler.parallel",
        ),
        ({"samples": GIVEN, "confidence": {"method": "adherence"}}, "confidence.method"),
        ({"samples": GIVEN, "rewind": {"keep": [2]}}, "rewind.keep.0"),
        ({"samples": GIVEN, "rewind": {"ttl_s": 1e9}}, "rewind.ttl_s"),
        ({"samples": GIVEN, "output": {"format": "png"}}, "output.format"),
        ({"samples": GIVEN, "deadline_s": 0}, "deadline_s"),
        ({"samples": GIVEN, "priority": 11}, "priority"),
    ],
    ids=str,
)
def test_a_value_out_of_place_is_named(server: Server, body: dict[str, Any], field: str) -> None:
    response = server.client.post("/v1/invert", json=body)
    assert response.status_code in (404, 422), response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]
