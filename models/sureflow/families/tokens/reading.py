"""The phase in which the network reads finished sequences again, with a part of them masked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.core.draw import Purpose, uniform
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Outcome, Query, Reply
from sureflow.core.transfer import to_host
from sureflow.families.tokens.lanes import TokenLanes
from sureflow.families.tokens.outcome import outcome
from sureflow.families.tokens.posterior import log_probabilities
from sureflow.families.tokens.rows import query_of
from sureflow.families.tokens.scores.catalogue import (
    AGAIN,
    CONTRAST,
    FLIPS,
    PARTS,
    PSEUDO,
    SCORES,
    WORST,
)

Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Readings:
    """The rows of one lane.

    Attributes:
        masks: What is masked in each row, ``[rows, length]``.
        null: Which rows have no condition, ``[rows]``.
    """

    masks: Masks
    null: Flags


class Reading:
    """Asks for a finished sequence with parts of it masked, all in one evaluation.

    Every :data:`PARTS`-th token is masked in the first rows, so that each is predicted once by all
    but its part. Rows of other evidence follow as the scores of a lane need them.
    """

    def __init__(self, lanes: TokenLanes) -> None:
        self.lanes = lanes

    def ask(self, slots: Slots) -> list[Query]:
        """The rows of all lanes."""
        lanes, owners, tokens, null = self.lanes, [], [], []
        for slot in slots.tolist():
            rows = self._rows(slot)
            owners += [slot] * len(rows.masks)
            tokens.append(np.where(rows.masks, lanes.network.mask, lanes.tokens[slot]))
            null.append(rows.null)
        return [query_of(lanes, owners, np.concatenate(tokens), np.concatenate(null))]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Keep what was read for the scores."""
        lanes, logits, start = self.lanes, to_host(replies[0]["logits"]), 0
        finite = np.ones(len(slots), np.bool_)
        for number, slot in enumerate(slots.tolist()):
            rows = self._rows(slot)
            found = logits[start : start + len(rows.masks)]
            start += len(rows.masks)
            lanes.evaluations[slot] += len(rows.masks)
            finite[number] = np.isfinite(found).all()
            if finite[number]:
                self._read(slot, rows, found)
        return np.ones(len(slots), np.bool_), ~finite

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The result of a lane."""
        return outcome(self.lanes, slot, spec)

    def release(self, slot: int) -> None:
        """Do nothing: the next lane overwrites the slot."""

    def _rows(self, slot: int) -> Readings:
        """Rows of the parts, of the parts without condition, and of random halves, as needed."""
        lanes, spec = self.lanes, self.lanes.specs[slot]
        wanted = {SCORES[name].reads for name in spec.scores}
        masks: list[Masks] = []
        null: list[bool] = []
        if wanted & {PSEUDO, WORST, CONTRAST}:
            masks, null = [*_parts(lanes.length)], [False] * PARTS
        if CONTRAST in wanted:
            masks, null = [*masks, *_parts(lanes.length)], [*null, *[True] * PARTS]
        if FLIPS in wanted:
            shape = AGAIN, lanes.length
            u = uniform(shape, spec.seed, spec.index, Purpose.RENOISE).numpy()
            masks, null = [*masks, *(u < 0.5)], [*null, *[False] * AGAIN]
        return Readings(np.stack(masks), np.array(null))

    def _read(self, slot: int, rows: Readings, logits: npt.NDArray[np.float32]) -> None:
        lanes, tokens = self.lanes, self.lanes.tokens[slot]
        surprise = np.stack([_surprise(log_probabilities(each), tokens) for each in logits])
        at, names = 0, {SCORES[name].reads for name in lanes.specs[slot].scores}
        if names & {PSEUDO, WORST, CONTRAST}:
            each = np.where(rows.masks[:PARTS], surprise[:PARTS], 0.0).sum(0)
            at, plain = PARTS, float(each.sum())
            lanes.read[PSEUDO][slot], lanes.read[WORST][slot] = plain, float(each.max())
        if CONTRAST in names:
            part = slice(PARTS, 2 * PARTS)
            null = float(np.where(rows.masks[part], surprise[part], 0.0).sum())
            lanes.read[CONTRAST][slot], at = plain - null, 2 * PARTS
        if FLIPS in names:
            hidden, missed = rows.masks[at:], -np.expm1(-surprise[at:])
            shares = np.where(hidden, missed, 0.0).sum(1) / np.maximum(hidden.sum(1), 1)
            lanes.read[FLIPS][slot] = float(shares.mean())


def _parts(length: int) -> Masks:
    """Every :data:`PARTS`-th token, ``[PARTS, length]``."""
    found: Masks = np.arange(length) % PARTS == np.arange(PARTS)[:, None]
    return found


def _surprise(log_p: Floats, tokens: npt.NDArray[np.int64]) -> Floats:
    """``-log p`` of every token, ``[length]``."""
    return -log_p[np.arange(len(tokens)), tokens]
