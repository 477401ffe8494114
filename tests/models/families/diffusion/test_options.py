"""What the family takes, and what it refuses by the field."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from gaussian import exact
from pydantic import ValidationError

import sureflow
from sureflow.core.family import families
from sureflow.core.lane import Branch, Inverted
from sureflow.core.schema import InvalidFieldError
from sureflow.core.setting import Setting
from sureflow.families.diffusion import FAMILY
from sureflow.families.diffusion.options import DiffusionOptions
from sureflow.families.diffusion.spec import DiffusionSpec
from sureflow.families.flow.inversion import invert
from sureflow.families.flow.options import Guidance
from sureflow.families.flow.tableau import METHODS
from sureflow.model import Model


@pytest.fixture(scope="module")
def model() -> Model:
    return exact("discrete", "noise", 4)


def test_it_is_installed() -> None:
    assert isinstance(families()["diffusion"], type(FAMILY))


def test_options_become_a_lane(model: Model) -> None:
    options = DiffusionOptions.model_validate(
        {"method": "euler", "steps": 30, "eta": 0.5, "churn": 3, "grid": "karras"}
    )
    lane = FAMILY.lane(model.card, 4, {}, Guidance(), options)
    assert lane == DiffusionSpec(4, 0, "euler", 30, grid="karras", eta=0.5, churn=3)
    assert FAMILY.lane(model.card, 4, {}, Guidance(), DiffusionOptions()) == DiffusionSpec(4, 0)
    assert DiffusionSpec(4, 0).grid == "native"
    with pytest.raises(InvalidFieldError) as caught:
        FAMILY.lane(model.card, 4, {}, Guidance(), DiffusionOptions(grid="fitted"))
    assert caught.value.field == "sampler.grid"
    assert model.card.grids == ("native", "karras", "logsnr", "uniform")


WRONG: list[tuple[dict[str, Any], str]] = [
    *(
        ({name: 0.5, **with_}, name)
        for name in ("eta", "churn")
        for with_ in (
            {"method": "dopri5", "tolerance": 1e-2},
            {"method": "euler", "parallel": {"window": 4}},
            {"method": "ab2", "steps": 5},
        )
    ),
    ({"eta": 1.01}, "eta"),
    ({"eta": -0.1}, "eta"),
    ({"eta": "0.5"}, "eta"),
    ({"churn": 1001}, "churn"),
    ({"churn": -1}, "churn"),
    ({"grid": "cosine"}, "grid"),
    ({"eta": 0.5, "sigma": 1}, "sigma"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_wrong_options_are_refused_by_their_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DiffusionOptions.model_validate(body)
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_without_noise_all_goes_together() -> None:
    for body in (
        {"eta": 0, "churn": 0, "method": "dopri5", "tolerance": 1e-2},
        {"eta": 0, "method": "ab2"},
        {"eta": 0.5, "method": "dpmpp_2m"},
        {"churn": 0, "method": "euler", "parallel": {"window": 4}},
    ):
        DiffusionOptions.model_validate(body)


OFFLINE: list[tuple[dict[str, Any], str]] = [
    ({"eta": 0.5, "method": "dopri5", "tolerance": 1e-2}, "eta: is for fixed steps"),
    ({"churn": 2.0, "method": "euler", "parallel": 4}, "churn: is for fixed steps"),
    ({"eta": 0.5, "method": "ab2"}, "eta: not with ab2"),
    ({"eta": 0.5, "method": "unipc"}, "eta: not with unipc"),
    ({"churn": 5, "method": "dpmpp_2m"}, "churn: not with dpmpp_2m"),
    ({"eta": 1.5}, "eta: "),
    ({"eta": math.nan}, "eta: "),
    ({"eta": "1"}, "eta: "),
    ({"churn": -1.0}, "churn: "),
    ({"churn": math.inf}, "churn: "),
    ({"grid": "fitted"}, "grid: test has no fitted grid"),
    ({"grid": "cosine"}, "grid: "),
    ({"scores": ("propagated",)}, "scores: propagated needs a variance, and test has none"),
    ({"scores": ("divergence", "likelihood")}, "scores: likelihood needs a variance"),
    ({"sigma": 1.0}, "sigma: a lane of test has no such field"),
]


@pytest.mark.parametrize(("options", "message"), OFFLINE)
def test_wrong_lanes_are_refused_by_their_field(
    model: Model, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        sureflow.sample(model, 1, **options)


def test_parents_are_checked_too(model: Model) -> None:
    parent = DiffusionSpec(1, 0, "euler", 9, eta=5.0)
    with pytest.raises(ValueError, match=r"^parent: eta: "):
        model.check(DiffusionSpec(1, 0, "euler", 9, origin=Branch(parent, 2)))


def test_steps_that_are_not_apart_are_refused() -> None:
    close = exact("ve", "noise", 4)
    close.network.convention.path = close.network.convention.path.model_copy(
        update={"sigma_min": 79.9999999999}
    )
    with pytest.raises(ValueError, match=r"^grid: 50 steps of the model's own schedule"):
        close.check(DiffusionSpec(1, 0, "euler", 50))
    with pytest.raises(ValueError, match=r"^grid: 50 steps of the grid karras are not apart"):
        close.check(DiffusionSpec(1, 0, "euler", 50, grid="karras"))
    close.check(DiffusionSpec(1, 0, "euler", 50, grid="uniform"))


def test_a_sample_is_inverted(model: Model) -> None:
    """Along the ODE, with any grid; without variance the scores are those that need none."""
    (sample,) = sureflow.sample(model, 1, 2, method="rk4", steps=100, grid="uniform")
    for options in ({}, {"method": "rk4", "tolerance": None, "steps": 100, "grid": "karras"}):
        (found,) = invert(model, [sample.data], **options)
        np.testing.assert_allclose(found.start, sample.start, atol=0.05)
        assert found.inversion_error < 1e-2
        assert found.score == "residual"
        assert isinstance(found.spec, DiffusionSpec)
    with pytest.raises(ValueError, match=r"^eta: an inverted sample"):
        invert(model, [sample.data], method="euler", tolerance=None, eta=1.0)
    with pytest.raises(InvalidFieldError, match="along the ODE") as caught:
        FAMILY.check_inversion(DiffusionSpec(1, 0, "euler", churn=3.0))
    assert caught.value.field == "sampler.churn"
    given = Inverted(np.zeros(4, np.float32))
    model.check(DiffusionSpec(1, 0, "euler", origin=given))


def test_settings() -> None:
    assert FAMILY.parse_setting("heun:20") == FAMILY.setting(DiffusionSpec(0, 0))
    noisy = DiffusionSpec(0, 0, "euler", 50, eta=1.0, label=0, guidance=2.0)
    assert FAMILY.parse_setting("euler:50~1@2") == FAMILY.setting(noisy)
    karras = DiffusionSpec(0, 0, "euler", 50, grid="karras", eta=0.5)
    assert FAMILY.parse_setting("euler:50/karras~0.5") == FAMILY.setting(karras)
    loose = DiffusionSpec(0, 0, "dopri5", tolerance=0.01)
    assert FAMILY.parse_setting("dopri5:0.01") == FAMILY.setting(loose)
    assert FAMILY.parse_setting("euler:50~0") == FAMILY.parse_setting("euler:50")
    assert FAMILY.parse_setting("euler:50~1") != FAMILY.parse_setting("euler:50")
    assert Setting.of(FAMILY.setting(noisy).record()) == FAMILY.setting(noisy)


@pytest.mark.parametrize(
    "text",
    [
        *("", "~", "@", ":", "heun", "heun:", "heun:x", "heun:20~", "heun:20~x", "heun:20~nan"),
        *("heun:20~2", "heun:20~-1", "heun:20~inf", "heun:0.01~1", "heun:20@x", "heun:20@2~1"),
        *("heun:20~1~1", "heun:0", "heun:-3"),
    ],
)
def test_nonsense_is_no_setting(text: str) -> None:
    with pytest.raises(ValueError, match=r"heun|form|should"):
        FAMILY.parse_setting(text)


def test_draws_of_a_setting_are_run_so(model: Model) -> None:
    setting = FAMILY.parse_setting("euler:5~1")
    (lane,) = FAMILY.draws(model.card, setting)
    assert isinstance(lane, DiffusionSpec)
    assert (lane.eta, lane.grid) == (1.0, "native")
    assert FAMILY.setting(lane) == setting
    model.check(lane)


def test_warm_up_lanes_run(model: Model) -> None:
    lanes = [lane for lane, _ in zip(FAMILY.warm_up_lanes(model.card), METHODS * 2, strict=False)]
    assert {lane.method for lane in lanes} == {*METHODS}
    for lane in lanes:
        assert isinstance(lane, DiffusionSpec)
        model.check(lane)
