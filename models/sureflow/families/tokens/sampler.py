"""The process that draws the tokens of lanes, step by step."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.core.draw import Purpose, uniform
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Outcome, Query, Reply
from sureflow.core.transfer import to_host
from sureflow.families.tokens.lanes import TokenLanes
from sureflow.families.tokens.outcome import outcome
from sureflow.families.tokens.posterior import (
    drawn,
    entropies,
    guided,
    log_probabilities,
    tempered,
)
from sureflow.families.tokens.rows import query_of
from sureflow.families.tokens.spec import TokenSpec
from sureflow.families.tokens.unmasking import UNMASKING, Step


class TokenSampler:
    """Draws tokens by the network's prediction of those that are masked."""

    def __init__(self, lanes: TokenLanes) -> None:
        self.lanes = lanes

    def ask(self, slots: Slots) -> list[Query]:
        """A row for every lane, then one without condition for the guided ones."""
        lanes = self.lanes
        doubled = self._guided(slots)
        owners = [*slots.tolist(), *doubled.tolist()]
        null = np.arange(len(owners)) >= len(slots)
        return [query_of(lanes, owners, lanes.tokens[owners], null)]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Draw the tokens of the step; a lane whose reply is not finite has diverged."""
        lanes, logits = self.lanes, to_host(replies[0]["logits"])
        finite = np.isfinite(logits).all((1, 2))
        second = dict(
            zip(self._guided(slots).tolist(), range(len(slots), len(logits)), strict=True)
        )
        whole = finite[: len(slots)].copy()
        for row, slot in enumerate(slots.tolist()):
            lanes.evaluations[slot] += 2 if slot in second else 1
            if slot in second:
                whole[row] &= finite[second[slot]]
            if whole[row]:
                log_p = log_probabilities(logits[row])
                if slot in second:
                    null = log_probabilities(logits[second[slot]])
                    log_p = guided(log_p, null, lanes.specs[slot].guidance)
                self._begin(slot, log_p)
        begun = slots[whole]
        lanes.early_stopping.check(begun)
        lanes.recorder.record_views(begun)
        done = lanes.abandoned[slots] | lanes.halted[slots]
        for row in np.flatnonzero(whole & ~done).tolist():
            done[row] = self._move(int(slots[row]))
        going = slots[whole & ~done]
        lanes.recorder.record_frames(going)
        for slot in slots.tolist():
            lanes.log_p.pop(slot, None)
        return done, ~whole

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The result of a lane in its present state."""
        return outcome(self.lanes, slot, spec)

    def release(self, slot: int) -> None:
        """Do nothing: the next lane overwrites the slot."""

    def _guided(self, slots: Slots) -> Slots:
        return np.array([s for s in slots.tolist() if self.lanes.specs[s].guided], np.int64)

    def _begin(self, slot: int, log_p: Floats) -> None:
        """Record the beginning of a step.

        The rate is the entropy that is left over ``(1 - t)^2``, as the variance of a velocity is
        that of the end over ``(1 - t)^2``; so the commit point is where a quarter of it is left.
        """
        lanes, step, t = self.lanes, int(self.lanes.step[slot]), float(self.lanes.t[slot])
        masked = lanes.masked(slot)
        lanes.left[slot] = float(np.where(masked, entropies(log_p), 0.0).sum())
        lanes.times[slot, step] = t
        lanes.rates[slot, step] = lanes.left[slot] / (1 - t) ** 2
        lanes.log_p[slot] = log_p

    def _move(self, slot: int) -> bool:
        """Make a step of a lane; returns whether it leaves."""
        lanes, spec = self.lanes, self.lanes.specs[slot]
        t, step, masked = float(lanes.t[slot]), int(lanes.step[slot]), lanes.masked(slot)
        log_p, free = lanes.log_p[slot], ~masked & ~lanes.held[slot]
        u = self._uniform(spec, step)
        entropy = entropies(log_p)
        last = step + 1 >= lanes.most_steps
        if not last:
            at = Step(t, masked, free, entropy, u[0, :-2], u[0, -2:])
            move = UNMASKING[spec.method](at, spec)
            revealed, until = move.revealed, move.until
            lanes.tokens[slot, move.hidden] = lanes.network.mask
            for array in (lanes.entropy, lanes.surprise, lanes.drawn_at):
                array[slot, move.hidden] = 0
        else:
            revealed, until = masked, 1.0
        if revealed.any():
            self._draw(slot, revealed, log_p, u[1, :-2])
        lanes.step[slot], lanes.t[slot] = step + 1, until
        return until >= 1 or step + 1 >= lanes.leave_at[slot]

    def _draw(self, slot: int, revealed: Flags, log_p: Floats, u: Floats) -> None:
        """Draw the tokens that become known."""
        lanes, spec = self.lanes, self.lanes.specs[slot]
        places = np.flatnonzero(revealed)
        biased = log_p + lanes.bias[slot] if lanes.bias[slot].any() else log_p
        tokens = drawn(tempered(biased, spec.temperature, spec.top_p), u)[places]
        lanes.tokens[slot, places] = tokens
        lanes.entropy[slot, places] = entropies(log_p)[places]
        lanes.surprise[slot, places] = -log_p[places, tokens]
        lanes.drawn_at[slot, places] = lanes.t[slot]

    def _uniform(self, spec: TokenSpec, step: int) -> Floats:
        """Uniform numbers ``[2, length + 2]`` of a step."""
        shape = 2, self.lanes.length + 2
        return uniform(shape, spec.seed, spec.index, Purpose.STEP, step).numpy().astype(np.float64)
