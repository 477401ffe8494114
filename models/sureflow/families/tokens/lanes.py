"""The lanes of token sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pkgutil import resolve_name
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from sureflow.core.arrays import Floats, Slots
from sureflow.core.engine import EarlyRule
from sureflow.core.fields import Field
from sureflow.core.frame import Frame
from sureflow.core.lane import Array, LaneSpec, View
from sureflow.core.lanes import Lanes, Suspended
from sureflow.core.score import Evidence
from sureflow.families.tokens.scores.catalogue import SCORES
from sureflow.families.tokens.spec import FIRST_HITTING, MAX_STEPS, TokenSpec
from sureflow.families.tokens.unmasking import next_time
from sureflow.networks.sequence_network import END, SequenceNetwork
from sureflow.sampling.early_stopping import EarlyStopping
from sureflow.sampling.recorder import TrajectoryRecorder
from sureflow.sampling.scoring import Scoring

EDITS = 4
"""Times that the tokens of a lane of ``first_hitting`` can be drawn anew."""


class TokenLanes(Lanes):
    """Lanes of token sequences, in host memory: a network's answers are all that comes from it.

    Attributes:
        network: The network.
        tokens: Present tokens, ``[capacity, length]``, the mask among them.
        held: Which of them stay as they are.
        entropy: Entropy of its posterior where a token was drawn, in nats; 0 for others.
        surprise: ``-log p`` of a token where it was drawn, in nats.
        drawn_at: Time at which a token was drawn.
        bias: What is added to the logit of each symbol before a token is drawn.
        leave_at: Number of steps after which a lane leaves the sampler.
        left: Entropy of the tokens that are still masked, together.
        read: What was read of finished sequences, by name of the evidence.
        specs: The lanes in the slots.
        log_p: Log-probabilities at the present step, by slot; for views.
    """

    def __init__(
        self,
        capacity: int,
        network: SequenceNetwork,
        device: torch.device,
        early: Mapping[str, EarlyRule] | None = None,
    ) -> None:
        length = network.length
        super().__init__(capacity, device, MAX_STEPS + EDITS * length)
        self.network, self.length, self.most_steps = network, length, MAX_STEPS + EDITS * length
        self.tokens = self._host("tokens", Field((length,), "i8", "tokens"))
        self.held = self._host("held", Field((length,), "b1", "mask"))
        self.entropy, self.surprise, self.drawn_at = (
            self._host(name, Field((length,), "f8")) for name in ("entropy", "surprise", "drawn_at")
        )
        self.bias = self._host("bias", Field((network.symbols,), "f8"))
        self.left = self.number("left")
        self.leave_at = self.count("leave_at", kept=False)
        self.read: dict[str, Floats] = {
            name: self.number(f"read.{name}", kept=False)
            for name in {each.reads for each in SCORES.values() if each.reads}
        }
        self.specs: dict[int, TokenSpec] = {}
        self.log_p: dict[int, Floats] = {}
        self.scoring = Scoring(self, (length,), lambda name: resolve_name(SCORES[name].fold))
        self.early_stopping = EarlyStopping(self, early or {})
        self.recorder = TrajectoryRecorder(self)

    def admit(self, slot: int, spec: TokenSpec) -> None:
        """Start a new lane in a slot, with all tokens masked."""
        self.clear(slot)
        self.tokens[slot] = self.network.mask
        self.held[slot] = False
        for array in (self.entropy, self.surprise, self.drawn_at, self.bias):
            array[slot] = 0
        self.left[slot] = np.nan
        self.leave_at[slot] = self.most_steps
        for numbers in self.read.values():
            numbers[slot] = np.nan
        self.specs[slot] = spec
        self.scoring.admit(slot, spec)
        self.early_stopping.admit(slot, spec)
        self.recorder.admit(slot, spec)

    def continue_as(self, slot: int, spec: TokenSpec) -> None:
        """Let a lane continue with another spec."""
        self.specs[slot] = spec
        self.early_stopping.admit(slot, spec)
        self.recorder.continue_as(slot, spec)

    def suits(self, spec: LaneSpec, frame: Frame) -> bool:
        """Whether a lane with this spec can be restored from a frame."""
        return self.fits(frame) is None

    def suspend(self, slot: int) -> Suspended:
        """What a lane that is between two steps is resumed from, what is recorded of it too."""
        return replace(super().suspend(slot), recorded=self.recorder.take(slot))

    def resume(self, slot: int, spec: LaneSpec, suspended: Suspended) -> None:
        """Resume a lane, just admitted with this spec, from where it was suspended."""
        self.restore(slot, spec, suspended.frame)
        self.evaluations[slot] = suspended.evaluations
        self.recorder.put(slot, suspended.recorded)

    def masked(self, slot: int) -> npt.NDArray[np.bool_]:
        """Which tokens of a lane are not known, ``[length]``."""
        found: npt.NDArray[np.bool_] = self.tokens[slot] == self.network.mask
        return found

    def evidence(self, slots: Slots) -> Evidence:
        """What scores read of lanes: arrays ``[n, length]``, and numbers ``[n]``."""
        known: dict[str, Any] = {
            "entropy": self.entropy[slots],
            "surprise": self.surprise[slots],
            "drawn_at": self.drawn_at[slots],
            "left": np.where(self.t[slots] < 1, self.left[slots], 0.0),
            "t": self.t[slots],
            **{name: numbers[slots] for name, numbers in self.read.items()},
        }
        return known.__getitem__

    def statistics(self, score: str, slots: Slots) -> Floats:
        """The running score, or what it foresees; and nothing else, ``[n, 2]``."""
        found = self.foretold(score, slots, [])
        return np.stack([found, np.full(len(slots), np.nan)], 1)

    def foretold(self, score: str, slots: Slots, specs: Sequence[LaneSpec]) -> Floats:
        """What foretells a score of lanes, ``[n]``."""
        return self.scoring.foreseen(score, slots, self.evidence(slots))

    def ticks_left(self, slots: Slots) -> Floats:
        """Steps that are left, and one for what asks about the finished sequence."""
        return np.array([self._steps_left(slot) + 1.0 for slot in slots.tolist()])

    def _steps_left(self, slot: int) -> float:
        spec = self.specs[slot]
        if spec.method == FIRST_HITTING:
            return float(self.masked(slot).sum())
        return (1 - float(self.t[slot])) * spec.steps

    def next_step_t(self, slot: int) -> float:
        """The time at which the next step begins, if it is known."""
        spec, t = self.specs[slot], float(self.t[slot])
        return t if spec.method == FIRST_HITTING else next_time(t, spec.steps)

    def codes(self, tokens: npt.NDArray[np.int64]) -> Array:
        """Code points of tokens ``[length]``; nothing follows the first end."""
        found = tokens.copy()
        ends = np.flatnonzero(found == END)
        if len(ends):
            found[ends[0] :] = END
        return cast(Array, self.network.codes(torch.from_numpy(found)).numpy())

    def view(self, slot: int) -> View:
        """The view of a lane once the answer of the network at its step is known."""
        masked, log_p = self.masked(slot), self.log_p[slot]
        likely = np.where(masked, log_p.argmax(-1), self.tokens[slot])
        now = np.where(masked, -(np.exp(log_p) * log_p).sum(-1), 0.0)
        step = int(self.step[slot])
        return View(
            step=step,
            t=float(self.t[slot]),
            state=self.network.codes(torch.from_numpy(self.tokens[slot].copy())).numpy(),
            prediction=self.codes(likely),
            rate=float(self.rates[slot, step]),
            map=now.astype(np.float32),
            uncertainty=float(self.entropy[slot].sum()),
        )

    def views(self, slot: int) -> tuple[View, ...]:
        """The recorded views of a lane."""
        return self.recorder.views(slot)
