"""Operations on a lane: holding tokens, masking them again, and a bias of symbols."""

from __future__ import annotations

import numpy as np
import torch

from sureflow.core.lane import Array
from sureflow.families.tokens.lanes import TokenLanes
from sureflow.families.tokens.operations import Guide, Hold, Resample, Uncertain


def hold(lanes: TokenLanes, slot: int, operation: Hold) -> None:
    """Set tokens to known values, and let them stay."""
    mask = operation.mask
    codes = torch.from_numpy(np.where(mask, operation.known, 0).astype(np.float32))
    lanes.tokens[slot, mask] = lanes.network.tokens(codes).numpy()[mask]
    lanes.held[slot] |= mask
    for array in (lanes.entropy, lanes.surprise):
        array[slot, mask] = 0
    lanes.drawn_at[slot, mask] = lanes.t[slot]


def guide(lanes: TokenLanes, slot: int, operation: Guide) -> None:
    """Set the bias of symbols; the others keep theirs."""
    tokens = lanes.network.tokens(torch.from_numpy(operation.codes.copy())).numpy()
    lanes.bias[slot, tokens] = operation.bias


def remask(lanes: TokenLanes, slot: int, operation: Resample, u: Array) -> None:
    """Mask the tokens of a region again, each with a chance; ``u [length]`` decides."""
    known = ~lanes.masked(slot) & ~lanes.held[slot]
    region = operation.region
    if isinstance(region, Uncertain):
        chosen = np.zeros(lanes.length, np.bool_)
        order = np.argsort(np.where(known, -lanes.entropy[slot], np.inf), kind="stable")
        chosen[order[: int(np.ceil(region.share * known.sum()))]] = True
    else:
        chosen = np.zeros(lanes.length, np.bool_) if isinstance(region, str) else region
    again = known & chosen & (u < operation.strength)
    lanes.tokens[slot, again] = lanes.network.mask
    for array in (lanes.entropy, lanes.surprise, lanes.drawn_at):
        array[slot, again] = 0
