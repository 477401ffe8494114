"""What scores follow, of samples whose scores are made to follow it."""

from pathlib import Path

import numpy as np
import pytest
from stubs import model_of

from sureflow.cli.app import app
from sureflow.core.lane import Sample
from sureflow.evaluation.evaluate import balanced, draw_balanced
from sureflow.evaluation.followed import Followed, affordable, followed, table, worst
from sureflow.model import Model
from sureflow.networks import GaussianMixture
from tests.commands import invoke


@pytest.fixture(scope="module")
def model() -> Model:
    """Two classes, of which the second is brighter."""
    return model_of(GaussianMixture([[0.0] * 4, [5.0] * 4], [1.0, 1.0], [0.3, 0.3], labels=[0, 1]))


def drawn(model: Model, score: str) -> tuple[list[Sample], np.ndarray]:
    """Samples, and their brightness."""
    samples = draw_balanced(model, 200, seed=1, steps=4, scores=(score,), quiet=True)
    return samples, np.array([sample.data.mean() for sample in samples])


def named(found: list[Followed], name: str) -> Followed:
    return next(each for each in found if each.score == name)


def test_a_score_that_is_the_brightness_follows_it_and_tells_no_more(model: Model) -> None:
    samples, bright = drawn(model, "propagated")
    for sample, value in zip(samples, bright, strict=True):
        sample.scores["propagated"] = -float(value)
    bad = bright < np.quantile(bright, 0.3)
    found = followed(samples, ["propagated"], bad)
    score, mean = named(found, "propagated"), named(found, "mean")
    assert score.strongest == ("mean", pytest.approx(-1))
    assert score.within["mean"][0] == pytest.approx(-1)
    assert score.tells == mean.tells == 1, "of a property the direction is the one that suits it"
    assert "-1.00 (-1.00)" in table(found)


def test_what_only_tells_classes_apart_follows_nothing_within_them(model: Model) -> None:
    samples, _ = drawn(model, "propagated")
    noise = np.random.default_rng(0).random(len(samples))
    for sample, value in zip(samples, noise, strict=True):
        sample.scores["propagated"] = float(value) + 2 * (sample.spec.label or 0)
    (score, *_) = followed(samples, ["propagated"])
    assert score.correlations["mean"][0] > 0.6
    assert abs(score.within["mean"][0]) < 0.25, "3.5 standard errors"
    assert score.tells is None


def test_verdicts_are_bad_or_not_or_how_bad() -> None:
    assert worst(np.array([0.0, 1.0, 1.0])).tolist() == [False, True, True]
    assert worst(np.arange(10.0) / 3).sum() == 2


def test_scores_that_cost_a_pass_of_their_own_are_left_out(model: Model) -> None:
    (lane,) = balanced(model, [0], seed=1)
    names = affordable(model, lane)
    assert names[0] == model.score_for(lane)
    assert "divergence" not in names
    assert len({*names}) == len(names) > 5


def test_the_command_prints_what_scores_of_any_model_follow(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = invoke(app, "evaluate", "ring-exact", "--count", "100", "--quiet", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert "rank correlations of 100 samples" in done.stdout
    assert "judge" not in done.stdout
    assert '"likelihood"' in file.read_text()


def bad(samples: list[Sample]) -> list[bool]:
    """Those whose first component is negative."""
    return [bool(sample.data.ravel()[0] < 0) for sample in samples]


def test_the_command_says_how_well_scores_tell_bad_samples() -> None:
    judge = "tests.models.evaluation.test_followed:bad"
    words = ("evaluate", "ring-exact", "--count", "100", "--quiet", "--bad", judge)
    done = invoke(app, *words)
    assert done.returncode == 0, done.stderr
    assert "AUROC: chance that one of" in done.stdout
    refused = invoke(app, *words[:-1], "no.such:judge")
    assert refused.returncode == 1
    assert "cannot import 'no.such:judge'" in refused.stderr
