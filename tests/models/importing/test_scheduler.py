"""Configs of schedulers are read into what the network was trained on."""

from __future__ import annotations

import inspect
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sureflow.importing.scheduler import FLOWS, PRECONDITIONED, PRESERVING, Schedule, read_scheduler

diffusers = pytest.importorskip("diffusers")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Of schedulers of diffusers that are made here to compare with."""


def read(name: str, tmp_path: Path, tokens: int | None = None, **config: Any) -> Schedule:
    """What is read from the file that diffusers writes."""
    getattr(diffusers, name)(**config).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "scheduler_config.json").read_text())
    return read_scheduler(written, tokens)


def signals(path: dict[str, Any]) -> Tensor:
    """What remains of the signal's power, from the definition of a path of kind ``discrete``."""
    names, n = path["betas"], path.get("steps", 0)
    if isinstance(names, list):
        betas = torch.tensor(names, dtype=torch.float64)
    elif names == "cosine":
        bar = [math.cos((k / n + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(n + 1)]
        betas = torch.tensor([min(1 - bar[k + 1] / bar[k], 0.999) for k in range(n)]).double()
    else:
        low, high = path["first"], path["last"]
        ramp = torch.linspace(0, 1, n, dtype=torch.float64)
        betas = {
            "linear": low + (high - low) * ramp,
            "scaled_linear": (low**0.5 + (high**0.5 - low**0.5) * ramp) ** 2,
            "sigmoid": low + (high - low) / (1 + torch.exp(6 - 12 * ramp)),
        }[names]
    left = (1 - betas).cumprod(0)
    if path["zero_snr"]:
        root = left.sqrt()
        left = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    return left


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("DDPMScheduler", {}),
        ("DDPMScheduler", {"beta_start": 0.001, "beta_end": 0.01, "num_train_timesteps": 200}),
        ("DDPMScheduler", {"beta_schedule": "sigmoid"}),
        ("DDPMScheduler", {"beta_schedule": "laplace"}),
        ("DDPMScheduler", {"trained_betas": [0.1, 0.2, 0.5]}),
        ("DDIMScheduler", {"beta_schedule": "squaredcos_cap_v2"}),
        ("DDIMScheduler", {"beta_schedule": "scaled_linear", "rescale_betas_zero_snr": True}),
        ("DDIMScheduler", {"rescale_betas_zero_snr": True}),
        (
            "PNDMScheduler",
            {"beta_schedule": "scaled_linear", "beta_start": 8e-4, "beta_end": 0.012},
        ),
        ("DPMSolverMultistepScheduler", {"num_train_timesteps": 50}),
        ("EulerDiscreteScheduler", {}),
        ("EulerAncestralDiscreteScheduler", {}),
        ("UniPCMultistepScheduler", {}),
        ("HeunDiscreteScheduler", {}),
        ("HeunDiscreteScheduler", {"beta_schedule": "exp"}),
    ],
)
def test_betas_are_those_of_diffusers(name: str, config: dict[str, Any], tmp_path: Path) -> None:
    found = read(name, tmp_path, **config)
    assert found.path["kind"] == "discrete"
    expected = getattr(diffusers, name)(**config).alphas_cumprod.double()
    # In float32, and 1 - beta is rounded at every step.
    torch.testing.assert_close(signals(dict(found.path)), expected, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("name", PRESERVING)
def test_defaults_are_those_of_diffusers(name: str) -> None:
    own = inspect.signature(getattr(diffusers, name).__init__).parameters
    found = read_scheduler({"_class_name": name})
    path = found.path
    assert (path["first"], path["last"]) == (own["beta_start"].default, own["beta_end"].default)
    assert path["steps"] == own["num_train_timesteps"].default
    assert own["prediction_type"].default == "epsilon"
    assert found.prediction == "noise"
    linspace = "timestep_spacing" not in own or own["timestep_spacing"].default == "linspace"
    assert path["spacing"] == ("linspace" if linspace else "trailing")
    whole = read_scheduler({key: own[key].default for key in own} | {"_class_name": name})
    assert whole.path == path


@pytest.mark.parametrize("name", PRECONDITIONED)
def test_preconditioned(name: str, tmp_path: Path) -> None:
    assert read(name, tmp_path, sigma_max=40.0) == Schedule(
        {"kind": "edm", "sigma_min": 0.002, "sigma_max": 40, "sigma_data": 0.5, "rho": 7},
        "edm",
        "0.25 * log(sigma)",
        (
            f"{name}: the network predicts the raw output that EDM preconditions, and is told "
            "'0.25 * log(sigma)'.",
        ),
    )
    found = read(name, tmp_path, sigma_data=1.0, prediction_type="v_prediction")
    assert found.prediction == "v"
    with pytest.raises(
        ValueError, match=r"^prediction_type: v_prediction is read for sigma_data 1"
    ):
        read(name, tmp_path, prediction_type="v_prediction")


@pytest.mark.parametrize("name", FLOWS)
def test_flow(name: str, tmp_path: Path) -> None:
    found = read(name, tmp_path, shift=3.0)
    assert found.path == {"kind": "linear", "shift": 3, "steps": 1000, "spacing": "linspace"}
    assert (found.prediction, found.time) == ("reverse_velocity", "1000 * (1 - t)")
    assert "shift 3" in found.notes[1]


def test_flux_is_told_a_thousandth(tmp_path: Path) -> None:
    read("FlowMatchEulerDiscreteScheduler", tmp_path)
    written = json.loads((tmp_path / "scheduler_config.json").read_text())
    found = read_scheduler(written, flux=True)
    assert (found.time, found.path["spacing"]) == ("1 - t", "trailing")
    found = read_scheduler(written | {"num_train_timesteps": 500}, flux=True)
    assert found.time == "0.5 * (1 - t)"


@pytest.mark.parametrize("kind", ["exponential", "linear"])
def test_dynamic_shift_is_that_of_diffusers(kind: str, tmp_path: Path) -> None:
    name, config = "FlowMatchEulerDiscreteScheduler", {"use_dynamic_shifting": True}
    found = read(name, tmp_path, tokens=1000, time_shift_type=kind, **config)
    peer = getattr(diffusers, name)(time_shift_type=kind, **config)
    sigmas = [1.0, 0.7, 0.2]
    peer.set_timesteps(3, sigmas=sigmas, mu=0.5 + 0.65 * (1000 - 256) / (4096 - 256))
    shift = found.path["shift"]
    ours = [shift * sigma / (1 + (shift - 1) * sigma) for sigma in sigmas]
    torch.testing.assert_close(torch.tensor(ours), peer.sigmas[:-1])
    assert "1000 tokens" in found.notes[1]
    with pytest.raises(ValueError, match=r"^use_dynamic_shifting: .* pass the shape"):
        read(name, tmp_path, time_shift_type=kind, **config)


@pytest.mark.parametrize(
    ("given", "ours"), [("epsilon", "noise"), ("v_prediction", "v"), ("sample", "data")]
)
def test_predictions(given: str, ours: str, tmp_path: Path) -> None:
    found = read("DDPMScheduler", tmp_path, prediction_type=given)
    assert (found.prediction, found.time) == (ours, "step")


def test_flow_with_a_solver_of_diffusion(tmp_path: Path) -> None:
    config = {"use_flow_sigmas": True, "flow_shift": 2.0, "prediction_type": "flow_prediction"}
    found = read("DPMSolverMultistepScheduler", tmp_path, **config)
    assert found.path == {"kind": "linear", "shift": 2, "steps": 1000, "spacing": "linspace"}
    assert (found.prediction, found.time) == ("reverse_velocity", "1000 * (1 - t)")


def test_continuous_time(tmp_path: Path) -> None:
    found = read(
        "EulerDiscreteScheduler",
        tmp_path,
        timestep_type="continuous",
        prediction_type="v_prediction",
        sigma_min=0.002,
        sigma_max=700.0,
    )
    edm = {"kind": "edm", "sigma_min": 0.002, "sigma_max": 700, "sigma_data": 1}
    assert (found.path, found.prediction, found.time) == (edm, "v", "0.25 * log(sigma)")


def test_says_what_is_left_out(tmp_path: Path) -> None:
    said = " ".join(read("DDPMScheduler", tmp_path, rescale_betas_zero_snr=True).notes)
    assert "1000 steps with linear betas, rescaled to end in pure noise" in said
    assert "clips the data" in said
    assert "leading" in said
    assert "a prediction of the noise says nothing" in said
    said = " ".join(read("EulerDiscreteScheduler", tmp_path, use_karras_sigmas=True).notes)
    assert "karras sigmas" in said
    name = "FlowMatchEulerDiscreteScheduler"
    said = " ".join(read(name, tmp_path, shift_terminal=0.1, stochastic_sampling=True).notes)
    assert "shift_terminal" in said
    assert "adds noise" in said


FLOW, DDPM, EDM, EULER = (
    {"_class_name": name}
    for name in (
        "FlowMatchEulerDiscreteScheduler",
        "DDPMScheduler",
        "EDMEulerScheduler",
        "EulerDiscreteScheduler",
    )
)
CONTINUOUS = {"timestep_type": "continuous", "prediction_type": "v_prediction"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, r"^_class_name: the scheduler None is unknown; there are DDIM.* pass path"),
        ({"_class_name": "LCMScheduler"}, r"^_class_name: the scheduler 'LCMScheduler' is unknown"),
        ({"_class_name": ["DDPMScheduler"]}, r"^_class_name: the scheduler \['DDPM"),
        (DDPM | {"num_train_timesteps": 10**9}, r"^num_train_timesteps: 1000000000 is no number"),
        (DDPM | {"num_train_timesteps": 1.5}, r"^num_train_timesteps: 1.5 is no number in 2 "),
        (DDPM | {"num_train_timesteps": 2.5}, r"^num_train_timesteps: 2.5 is no whole"),
        (DDPM | {"num_train_timesteps": "9"}, r"^num_train_timesteps: '9' is no number"),
        (DDPM | {"num_train_timesteps": True}, r"^num_train_timesteps: True is no number"),
        (DDPM | {"beta_end": 2}, r"^beta_end: 2 is no number in 0 .. 1"),
        (DDPM | {"beta_schedule": "warmup"}, r"^beta_schedule: 'warmup' is unknown; choose from"),
        (DDPM | {"beta_schedule": 10**5000}, r"^beta_schedule: "),
        (DDPM | {"trained_betas": [0.1, 7]}, r"^trained_betas\[1\]: 7 is no number"),
        (DDPM | {"trained_betas": [0.1, None]}, r"^trained_betas\[1\]: nan is no number"),
        (DDPM | {"trained_betas": 3}, r"^trained_betas: expected"),
        (DDPM | {"prediction_type": "score"}, r"^prediction_type: 'score' is unknown"),
        (DDPM | {"prediction_type": "flow_prediction"}, r"^prediction_type: .* use_flow_sigmas"),
        (DDPM | {"clip_sample": "yes"}, r"^clip_sample: expected true or false, not 'yes'"),
        (DDPM | {"timestep_spacing": "odd"}, r"^timestep_spacing: 'odd' is unknown"),
        (FLOW | {"shift": 0}, r"^shift: 0 is no number"),
        (FLOW | {"shift": 10**5000}, r"^shift: "),
        (FLOW | {"invert_sigmas": True}, r"^invert_sigmas: "),
        (EDM | {"sigma_data": -1}, r"^sigma_data: -1 is no number"),
        (EULER | CONTINUOUS, r"^sigma_min: a continuous schedule needs"),
    ],
)  # fmt: skip
def test_refuses(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_scheduler(config)
