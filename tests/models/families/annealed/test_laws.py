"""Samples have the law of the target, weights have mean 1, and what fails says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import sureflow
from sureflow.core.lane import Branch
from sureflow.families.annealed import FAMILY
from sureflow.families.annealed.operations import Guide, Hold, Resample
from sureflow.families.annealed.spec import AnnealedSpec
from sureflow.families.annealed.targets.many_well import ManyWell
from sureflow.model import Model
from sureflow.sampling.sample import edit, run
from tests.models.families.annealed.conftest import APART, SHARES, made

RUN: dict[str, Any] = {"steps": 40, "warmup": 40, "replicas": 6}


def modes(data: np.ndarray) -> np.ndarray:
    return np.asarray(((data[:, None] - np.array(APART)) ** 2).sum(-1).argmin(1))


def weights(samples: list[Any]) -> np.ndarray:
    return np.exp([sample.fields["log_weight"] for sample in samples])


def test_the_mean_weight_is_the_constant(mixture: Model) -> None:
    """Within 4 standard errors, and weighted modes have their shares."""
    samples = sureflow.sample(mixture, 250, 3, **RUN)
    w = weights(samples)
    error = w.std(ddof=1) / np.sqrt(len(w))
    assert error < 0.1
    assert abs(w.mean() - 1) < 4 * error
    found = modes(np.array([sample.data for sample in samples]))
    for mode, share in enumerate(SHARES):
        gap = w * ((found == mode) - share)
        assert abs(gap.mean()) < 4 * gap.std(ddof=1) / np.sqrt(len(w))


def test_a_warm_up_that_is_too_short_costs_precision_and_no_truth(mixture: Model) -> None:
    samples = sureflow.sample(mixture, 600, 4, method="ais", steps=15, warmup=4, replicas=4)
    w = weights(samples)
    assert abs(w.mean() - 1) < 4 * w.std(ddof=1) / np.sqrt(len(w))


def test_replicas_come_to_the_law(mixture: Model) -> None:
    samples = sureflow.sample(mixture, 200, 5, method="pt", **{**RUN, "steps": 60})
    found = modes(np.array([sample.data for sample in samples]))
    for mode, share in enumerate(SHARES):
        error = np.sqrt(share * (1 - share) / len(samples))
        assert abs((found == mode).mean() - share) < 4 * error
    told = FAMILY.summary(samples)
    assert abs(told["log_z"]) < 4 * told["log_z_error"]


def test_a_transport_has_mean_weight_one_from_an_exact_beginning(gaussian: Model) -> None:
    """One mode is sampled exactly by its ladder, so that only the steps have to be weighed."""
    samples = sureflow.sample(
        gaussian, 400, 6, method="cds", steps=30, warmup=60, replicas=4, noise=1.0
    )
    w = weights(samples)
    error = w.std(ddof=1) / np.sqrt(len(w))
    assert 0.01 < error < 0.1
    assert abs(w.mean() - 1) < 4 * error
    data = np.array([sample.data for sample in samples], np.float64)
    for values, truth in ((data, [1.0, -1.0]), ((data - [1.0, -1.0]) ** 2, [0.25, 0.25])):
        gap = w[:, None] * (values - truth)
        assert (np.abs(gap.mean(0)) < 4 * gap.std(0, ddof=1) / np.sqrt(len(w))).all()


@pytest.mark.parametrize("leapfrog", [1, 3])
@pytest.mark.parametrize("replicas", [1, 3])
def test_moves_leave_a_gaussian_as_it_is(gaussian: Model, leapfrog: int, replicas: int) -> None:
    """Variance and mean in closed form: chains of the target alone, tuned and then fixed."""
    run: dict[str, Any] = {
        "method": "mala",
        "steps": 20,
        "warmup": 30,
        "leapfrog": leapfrog,
        "replicas": replicas,
    }
    samples = sureflow.sample(gaussian, 400, 7, scores=("rejection",), **run)
    data = np.array([sample.data for sample in samples], np.float64) - [1.0, -1.0]
    assert (np.abs(data.mean(0)) < 4 * 0.5 / np.sqrt(400)).all()
    assert (np.abs(np.square(data).mean(0) - 0.25) < 4 * 0.25 * np.sqrt(2 / 400)).all()
    refused = np.mean([sample.scores["rejection"] for sample in samples])
    assert refused == pytest.approx(0.43 if leapfrog == 1 else 0.35, abs=0.12)


@pytest.mark.parametrize("method", ["ais", "pt"])
def test_the_temperature_widens_a_gaussian(gaussian: Model, method: str) -> None:
    """``p^(1/T)`` of ``N(m, s^2)`` is ``N(m, T s^2)``, its constant in two dimensions ``T (2 pi
    s^2)^(1 - 1/T)``."""
    hot = {"temperature": np.array([4.0], np.float32)}
    samples = sureflow.sample(gaussian, 300, 8, method=method, condition=hot, **RUN)
    w = weights(samples)
    gap = w * (np.square(np.array([s.data for s in samples])[:, 0] - 1.0) - 1.0)
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(len(w))
    told, truth = FAMILY.summary(samples), np.log(4) + 0.75 * np.log(2 * np.pi * 0.25)
    assert abs(told["log_z"] - truth) < 4 * told["log_z_error"]


def test_held_components_give_the_conditional_law(mixture: Model) -> None:
    """Of the mixture given ``x_1``: shares and constant in closed form."""
    known = np.array([0.0, 0.5], np.float32)
    operation = Hold(np.array([False, True]), known)
    (first,) = sureflow.sample(mixture, 1, 9, keep=(0.0,), **RUN)
    samples = edit(mixture, first, 0.0, [operation], branches=250)
    energy: Any = mixture.network.energy
    scale = energy.scales
    density = torch.exp(-(((0.5 - energy.means[:, 1]) / scale) ** 2) / 2) / scale
    joint = (energy.weights * density / (2 * torch.pi) ** 0.5).numpy()
    data = np.array([sample.data for sample in samples])
    assert (data[:, 1] == 0.5).all()
    w = weights(samples)
    assert abs(w.mean() - joint.sum()) < 4 * w.std() / np.sqrt(len(w))
    left = w * ((data[:, 0] < 0) - joint[0] / joint.sum())
    assert abs(left.mean()) < 4 * left.std() / np.sqrt(len(w))


@pytest.mark.parametrize("at", [45, 70])
def test_weights_stay_right_through_edits_under_way(gaussian: Model, at: int) -> None:
    """A restraint, another temperature and another tempering: the mean weight is the constant."""
    target = np.array([2.0, -1.0], np.float32)
    pull = Guide(target, np.array([True, False]), 4.0)
    hot = {"temperature": np.array([2.0], np.float32)}
    parents = [AnnealedSpec(10, index, **RUN) for index in range(300)]
    edits = [
        replace(parent, condition=hot, origin=Branch(parent, at, (Resample(0.5), pull)))
        for parent in parents
    ]
    samples = run(gaussian, edits)
    w = weights(samples)
    # The root of the density with exp(-2 (x - 2)^2) along the first axis, and without it.
    power = (2 * np.pi * 0.25) ** -0.5
    x = np.linspace(-6, 8, 20_001)
    first = np.trapezoid(np.exp(-((x - 1) ** 2) - 2 * (x - 2) ** 2), x)
    truth = first * np.sqrt(np.pi) * power
    assert abs(w.mean() - truth) < 4 * w.std() / np.sqrt(len(w))
    assert w.std() / np.sqrt(len(w)) < 0.2 * truth


def test_a_broken_ladder_is_flagged(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two rungs in eight dimensions never swap: neither sure nor silent."""
    network = {"kind": "many_well", "arguments": {"pairs": 4}, "dimension": 8, "scale": 2.0}
    model = made(tmp_path_factory.mktemp("annealed") / "wells", network)
    whole = AnnealedSpec(1, 0, method="pt", steps=150, warmup=100, replicas=8)
    whole = replace(whole, scores=("missing_mass", "swap_rejection", "r_hat"))
    broken = replace(whole, replicas=2)
    told = {}
    for lane in (whole, broken):
        samples = run(model, [replace(lane, index=index) for index in range(24)])
        told[lane.replicas] = FAMILY.summary(samples)
        swaps = np.mean([sample.scores["swap_rejection"] for sample in samples])
        assert (swaps > 0.85) == (lane is broken)
        if lane is broken:
            said = FAMILY.doubts(samples)
            assert any(each.startswith("summary.r_hat") for each in said)
            assert all(sample.confidence is None for sample in samples)
            assert np.median([sample.scores["r_hat"] for sample in samples]) > 1.5
    assert told[2]["ess"] < told[8]["ess"]
    assert told[2]["r_hat"] > told[8]["r_hat"]


def test_chains_that_stay_apart_are_worth_little(mixture: Model) -> None:
    samples = sureflow.sample(mixture, 30, 2, method="mala", **RUN)
    told = FAMILY.summary(samples)
    assert told["ess"] < 4
    assert told["r_hat"] > 2
    assert "log_z" not in told
    assert len(FAMILY.doubts(samples)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("method", "constant"), [("ais", 0.0), ("pt", 0.0)])
def test_intervals_cover(mixture: Model, method: str, constant: float) -> None:
    """Nine in ten intervals of log Z and of a mean hold the truth, in 100 runs of 40 samples."""
    mean = float(np.dot(SHARES, [each[0] for each in APART]))
    hits = {"log_z": 0, "mean": 0}
    for seed in range(100):
        samples = sureflow.sample(mixture, 40, 1000 + seed, method=method, **RUN)
        told, w = FAMILY.summary(samples), weights(samples)
        hits["log_z"] += abs(told["log_z"] - constant) < 1.645 * told["log_z_error"]
        x = np.array([sample.data[0] for sample in samples], np.float64)
        found = np.average(x, weights=w)
        deviation = np.sqrt(np.average((x - found) ** 2, weights=w))
        hits["mean"] += abs(found - mean) < 1.645 * deviation / np.sqrt(told["ess"])
    assert all(80 <= count <= 99 for count in hits.values()), hits


def test_many_wells_have_their_constant(tmp_path_factory: pytest.TempPathFactory) -> None:
    network = {"kind": "many_well", "arguments": {"pairs": 2}, "dimension": 4, "scale": 2.0}
    model = made(tmp_path_factory.mktemp("annealed") / "few", network)
    samples = sureflow.sample(model, 150, 11, method="ais", **RUN)
    told = FAMILY.summary(samples)
    assert abs(told["log_z"] - ManyWell(2).log_z) < 4 * told["log_z_error"] < 0.8
