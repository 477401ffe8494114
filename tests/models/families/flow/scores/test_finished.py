"""Scores of finished samples: what the networks beside the model read, in any company."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from stubs import model_of

from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run

MODEL = model_of(GaussianMixture([[2.0, 0.0], [-2.0, 1.0]], [0.5, 0.5], [0.3, 0.3]))
SCORERS = dict(MODEL.network.scorers)


@pytest.mark.parametrize("name", ["critic", "circuit"])
@pytest.mark.parametrize("method", ["heun", "unipc"])
def test_the_finished_sample_is_read(name: str, method: str) -> None:
    specs = [FlowSpec(3, n, method, 5 + n % 2, scores=(name, "propagated")) for n in range(5)]
    made = run(MODEL, specs)
    for spec, sample in zip(specs, made, strict=True):
        expected = SCORERS[name](torch.from_numpy(sample.data)[None])
        assert sample.scores[name] == float(expected)
        (alone,) = run(MODEL, [spec])
        assert alone.scores[name] == sample.scores[name]
        plain = run(MODEL, [replace(spec, scores=("propagated",))])[0]
        assert plain.data.tobytes() == sample.data.tobytes()
        assert plain.evaluations == sample.evaluations


def test_the_map_of_the_circuit_is_the_surprise() -> None:
    (sample,) = run(MODEL, [FlowSpec(3, 0, "heun", 5, scores=("circuit", "propagated"))])
    expected = SCORERS["circuit"].surprise(torch.from_numpy(sample.data)[None])[0]
    assert np.array_equal(sample.map, expected.numpy())
    (other,) = run(MODEL, [FlowSpec(3, 0, "heun", 5, scores=("propagated", "circuit"))])
    assert other.map.sum() == pytest.approx(other.scores["propagated"])


def test_without_the_network_there_is_no_score() -> None:
    bare = replace(MODEL, card=replace(MODEL.card, scorers={}))
    with pytest.raises(ValueError, match=r"scores: critic needs a critic.*`sureflow critic` makes"):
        bare.check(FlowSpec(0, 0, scores=("critic",)))
