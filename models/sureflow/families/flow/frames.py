"""Taking a frame of a lane at the beginning of a step, and putting it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sureflow.core.frame import Frame

if TYPE_CHECKING:
    from sureflow.families.flow.lanes import Lanes
    from sureflow.families.flow.spec import FlowSpec

NUMBERS = (
    *("t", "h", "tolerance", "longest", "proposal", "last_error", "last_h"),
    "placed_t",
)
COUNTS = ("step", "rejected", "max_steps", "since", "placed", "retrying", "forced")
REMEMBERED = 1
"""Stage in which a multistep lane keeps the velocity of the step before."""


def take(lanes: Lanes, slot: int, spec: FlowSpec) -> Frame:
    """A copy of a lane in host memory.

    The noise is left out where the seed says what it is, and so is a first stage that the step
    before has left: it is the velocity at the state, which gives the same bits again.
    """
    step = int(lanes.step[slot])
    where = np.array([slot])
    arrays: dict[str, Any] = {
        "x": lanes.x[slot],
        "map": lanes.map[slot],
        "times": lanes.times[slot, :step],
        "rates": lanes.rates[slot, :step],
        "numbers": np.array([getattr(lanes, name)[slot] for name in NUMBERS], np.float64),
        "counts": np.array([getattr(lanes, name)[slot] for name in COUNTS], np.int64),
    }
    if spec.origin is not None:
        arrays["start"] = lanes.start[slot]
    if slot in lanes.noise:
        arrays["noise"] = lanes.noise[slot]
    if lanes.extrapolating(where)[0]:
        arrays["before.velocity"] = lanes.k[REMEMBERED, slot]
        arrays["before.variance"] = lanes.variance[REMEMBERED, slot]
        arrays["before.numbers"] = np.array(
            [array[REMEMBERED, slot] for array in lanes.stage_numbers]
        )
    held = {name: _on_host(array) for name, array in arrays.items()}
    held |= {f"score.{key}": array for key, array in lanes.followed.take(slot).items()}
    return Frame(step, float(lanes.t[slot]), held)


def restore(lanes: Lanes, slot: int, spec: FlowSpec, frame: Frame) -> None:
    """Put a lane, just admitted with this spec, where a frame of it was taken."""
    arrays: dict[str, Any] = frame.arrays
    counts = dict(zip(COUNTS, arrays["counts"].tolist(), strict=True))
    numbers = dict(zip(NUMBERS, arrays["numbers"].tolist(), strict=True))
    lanes.lay(slot, spec, counts["placed"], numbers["placed_t"])
    for name, value in (counts | numbers).items():
        getattr(lanes, name)[slot] = value
    for name in ("x", "map", "start"):
        if name in arrays:
            getattr(lanes, name)[slot] = torch.tensor(arrays[name])
    if "noise" in arrays:
        lanes.noise[slot] = torch.tensor(arrays["noise"], device=lanes.device)
    lanes.times[slot, : frame.step] = arrays["times"]
    lanes.rates[slot, : frame.step] = arrays["rates"]
    if "before.velocity" in arrays:
        lanes.k[REMEMBERED, slot] = torch.tensor(arrays["before.velocity"])
        lanes.variance[REMEMBERED, slot] = torch.tensor(arrays["before.variance"])
        for array, value in zip(lanes.stage_numbers, arrays["before.numbers"], strict=True):
            array[REMEMBERED, slot] = value
    prefix = "score."
    lanes.followed.restore(
        slot,
        {
            key.removeprefix(prefix): value
            for key, value in arrays.items()
            if key.startswith(prefix)
        },
    )


def suits(lanes: Lanes, spec: FlowSpec, frame: Frame) -> bool:
    """Whether a frame holds all that the scores of a lane have gathered by then."""
    held = {name: array.shape for name, array in frame.arrays.items()}
    wanted = lanes.followed.shapes(spec.scores)
    return all(held.get(f"score.{name}") == shape for name, shape in wanted.items())


def _on_host(array: Any) -> Any:
    return np.array(array.cpu().numpy() if isinstance(array, torch.Tensor) else array)
