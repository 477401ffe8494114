"""Reads the config of a scheduler of diffusers: on which path a network was trained, and how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sureflow.importing.betas import MOST_STEPS, read_betas
from sureflow.importing.config_fields import Fields

PREDICTIONS = {
    "epsilon": "noise",
    "v_prediction": "v",
    "sample": "data",
    "flow_prediction": "reverse_velocity",
}
"""Our names of what networks predict, by those of diffusers."""

SAID = {
    "noise": "the noise",
    "v": "v, the mean of alpha times the noise less sigma times the data",
    "data": "the data",
    "reverse_velocity": "the velocity from the data to the noise",
    "edm": "the raw output that EDM preconditions",
}

PRESERVING = (
    "DDIMScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LMSDiscreteScheduler",
    "PNDMScheduler",
    "UniPCMultistepScheduler",
)
FLOWS = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler")
PRECONDITIONED = ("EDMDPMSolverMultistepScheduler", "EDMEulerScheduler")

OTHER_BETAS = {
    "KDPM2AncestralDiscreteScheduler": (0.00085, 0.012),
    "KDPM2DiscreteScheduler": (0.00085, 0.012),
    "HeunDiscreteScheduler": (0.00085, 0.012),
}
"""First and last beta that a class has by default, where they are not 0.0001 and 0.02."""

LEADING = ("DDIMScheduler", "DDPMScheduler", "PNDMScheduler")
"""Classes whose steps are ``leading`` by default; those of all others are ``linspace``."""


@dataclass(frozen=True)
class Schedule:
    """What a scheduler says about a network, in the words of a checkpoint's config.

    Attributes:
        path: The path, with the spacing of its own steps.
        prediction: What the network predicts.
        time: The time that the network is told.
        notes: Sentences that say what was recognised, and what was left out.
    """

    path: Mapping[str, Any]
    prediction: str
    time: str
    notes: tuple[str, ...] = ()


def read_scheduler(
    config: Mapping[str, Any], tokens: int | None = None, flux: bool = False
) -> Schedule:
    """Read the path, prediction and time from a ``scheduler_config.json``.

    Args:
        config: Its contents.
        tokens: Tokens of a sample, by which some shifts are chosen; ``None`` if there are none.
        flux: Whether it is that of FLUX, which is told a thousandth of the scheduler's time, and
            whose pipeline ends the steps of a flow one step before the data.

    Raises:
        ValueError: The class is unknown, or a field is not valid; the message begins with it.
    """
    name = config.get("_class_name")
    fields = Fields(config)
    if name in FLOWS:
        found = _flow(fields, tokens, flux)
    elif name in PRECONDITIONED:
        found = _preconditioned(fields)
    elif name in PRESERVING:
        linear = fields.flag("use_flow_sigmas")
        found = _solved_flow(fields, tokens, flux) if linear else _preserving(fields, str(name))
    else:
        known = ", ".join(sorted((*FLOWS, *PRECONDITIONED, *PRESERVING)))
        raise ValueError(
            f"_class_name: the scheduler {name!r} is unknown; there are {known}; or pass path, "
            "prediction and time"
        )
    said = f"{name}: the network predicts {SAID[found.prediction]}, and is told {found.time!r}."
    return replace(found, notes=(said, *found.notes, *_left_out(fields)))


def _flow(fields: Fields, tokens: int | None, flux: bool) -> Schedule:
    if fields.flag("invert_sigmas"):
        raise ValueError("invert_sigmas: the network takes 1 - sigma; pass path, prediction, time")
    shift, notes = fields.number("shift", 1.0, 1e-6, 1e6), []
    if fields.flag("use_dynamic_shifting"):
        shift, note = _dynamic_shift(fields, tokens)
        notes.append(note)
    elif shift != 1:
        notes.append(f"Its own steps are moved toward the noise by the shift {shift:g}.")
    return _linear(fields, shift, "trailing" if flux else "linspace", notes, flux)


def _solved_flow(fields: Fields, tokens: int | None, flux: bool) -> Schedule:
    """A flow with a solver that was made for diffusion, such as Sana's."""
    given = fields.choice("prediction_type", PREDICTIONS, "epsilon")
    if given == "v":
        raise ValueError("prediction_type: v_prediction has another meaning on straight paths")
    shift, notes = fields.number("flow_shift", 1.0, 1e-6, 1e6), []
    if fields.flag("use_dynamic_shifting"):
        shift, note = _dynamic_shift(fields, tokens)
        notes.append(note)
    return replace(_linear(fields, shift, "linspace", notes, flux), prediction=given)


def _linear(fields: Fields, shift: float, spacing: str, notes: list[str], flux: bool) -> Schedule:
    steps = fields.whole("num_train_timesteps", 1000, 1, MOST_STEPS)
    path = {"kind": "linear", "shift": shift, "steps": steps, "spacing": spacing}
    factor = steps / 1000 if flux else steps
    time = "1 - t" if factor == 1 else f"{factor:g} * (1 - t)"
    return Schedule(path, "reverse_velocity", time, tuple(notes))


def _dynamic_shift(fields: Fields, tokens: int | None) -> tuple[float, str]:
    """The shift that depends on the tokens of a sample (Esser et al., 2024, section 5.3.2)."""
    if tokens is None:
        raise ValueError("use_dynamic_shifting: the shift depends on the shape; pass the shape")
    low, high = (
        fields.whole("base_image_seq_len", 256, 1, 1 << 24),
        fields.whole("max_image_seq_len", 4096, 1, 1 << 24),
    )
    base, most = (
        fields.number("base_shift", 0.5, -20, 20),
        fields.number("max_shift", 1.15, -20, 20),
    )
    if high == low:
        raise ValueError("max_image_seq_len: is the same as base_image_seq_len")
    mu = base + (tokens - low) * (most - base) / (high - low)
    kind = fields.choice("time_shift_type", {"exponential": "e", "linear": "l"}, "exponential")
    shift = math.exp(min(mu, 13)) if kind == "e" else mu
    if not 1e-6 <= shift <= 1e6:
        raise ValueError(f"use_dynamic_shifting: gives the shift {shift:g} at {tokens} tokens")
    return shift, f"Its shift depends on the size; that of {tokens} tokens, {shift:.4g}, is used."


def _preconditioned(fields: Fields) -> Schedule:
    path = {
        "kind": "edm",
        "sigma_min": fields.number("sigma_min", 0.002, 1e-6, 1e6),
        "sigma_max": fields.number("sigma_max", 80.0, 1e-6, 1e6),
        "sigma_data": fields.number("sigma_data", 0.5, 1e-6, 1e6),
        "rho": fields.number("rho", 7.0, 1, 100),
    }
    prediction = fields.choice(
        "prediction_type", {"epsilon": "edm", "v_prediction": "v"}, "epsilon"
    )
    if prediction == "v" and path["sigma_data"] != 1:
        raise ValueError("prediction_type: v_prediction is read for sigma_data 1 alone")
    return Schedule(path, prediction, "0.25 * log(sigma)")


def _preserving(fields: Fields, name: str) -> Schedule:
    prediction = fields.choice("prediction_type", PREDICTIONS, "epsilon")
    if prediction == "reverse_velocity":
        raise ValueError("prediction_type: flow_prediction needs use_flow_sigmas")
    path, notes = _discrete(fields, name)
    if prediction == "noise" and path["zero_snr"]:
        notes.append("Where there is only noise, a prediction of the noise says nothing.")
    continuous = fields.choice("timestep_type", {"discrete": "", "continuous": "c"}, "discrete")
    if continuous and prediction == "v":
        low, high = fields.number("sigma_min", 0, 0, 1e6), fields.number("sigma_max", 0, 0, 1e6)
        if not 0 < low < high:
            raise ValueError("sigma_min: a continuous schedule needs sigma_min below sigma_max")
        path = {"kind": "edm", "sigma_min": low, "sigma_max": high, "sigma_data": 1.0}
        return Schedule(path, "v", "0.25 * log(sigma)", tuple(notes[1:]))
    return Schedule(path, prediction, "step", tuple(notes))


def _discrete(fields: Fields, name: str) -> tuple[dict[str, Any], list[str]]:
    """The path of a table of betas."""
    steps = fields.whole("num_train_timesteps", 1000, 2, MOST_STEPS)
    by_default = "leading" if name in LEADING else "linspace"
    spacings = {z: z for z in ("leading", "linspace", "trailing")}
    spacing, notes = fields.choice("timestep_spacing", spacings, by_default), []
    path: dict[str, Any] = {"kind": "discrete", "zero_snr": fields.flag("rescale_betas_zero_snr")}
    path |= read_betas(fields, steps, OTHER_BETAS.get(name, (0.0001, 0.02)))
    path["spacing"] = "linspace" if spacing == "linspace" else "trailing"
    betas = path["betas"]
    said = f"{betas} betas" if isinstance(betas, str) else "betas of a table"
    zero = ", rescaled to end in pure noise" if path["zero_snr"] else ""
    notes.append(f"Its path has {path.get('steps') or len(betas)} steps with {said}{zero}.")
    if spacing == "leading":
        notes.append("Its steps are leading, which never reach pure noise; trailing are used.")
    return path, notes


def _left_out(fields: Fields) -> list[str]:
    """Sentences on settings of its sampler that are not taken over."""
    notes = []
    if fields.flag("clip_sample") or (fields.flag("thresholding")):
        notes.append("It clips the data that it predicts in between; sureflow does not.")
    grids = ("karras", "exponential", "beta")
    if used := [name for name in grids if fields.flag(f"use_{name}_sigmas")]:
        notes.append(f"It places its steps by {used[0]} sigmas; ask for such a grid in requests.")
    if fields.given("shift_terminal"):
        notes.append("Its shift_terminal is left out: samples are taken to the end of the path.")
    if fields.flag("stochastic_sampling"):
        notes.append("Its sampler adds noise at every step; ask for it in requests.")
    return notes
