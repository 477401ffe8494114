"""The scores that lanes in flight are followed by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Floats
from sureflow.core.score import Arrays, Evaluation, Score, Start
from sureflow.core.transfer import to_host
from sureflow.families.flow.scores.adherence import Adherence
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.scores.contrast import AdherenceContrast
from sureflow.families.flow.scores.divergence import Divergence
from sureflow.families.flow.scores.evidence import Asked
from sureflow.families.flow.scores.integral import PropagatedLate
from sureflow.families.flow.scores.likelihood import Likelihood
from sureflow.families.flow.scores.probed import Probed
from sureflow.families.flow.scores.propagated import Propagated
from sureflow.families.flow.scores.renoised import Renoised
from sureflow.families.flow.scores.residual import PathResidual, PooledResidual, Straightness
from sureflow.families.flow.scores.trajectory import Trajectory

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots
    from sureflow.families.flow.lanes import Lanes

KINDS: dict[str, type[Score]] = {
    "propagated": Propagated,
    "propagated_late": PropagatedLate,
    "likelihood": Likelihood,
    "path_residual": PathResidual,
    "pooled_residual": PooledResidual,
    "straightness": Straightness,
    "trajectory": Trajectory,
    "probe": Probed,
    "adherence": Adherence,
    "adherence_contrast": AdherenceContrast,
    "divergence": Divergence,
    "residual": Renoised,
}
assert tuple(KINDS) == tuple(SCORES)


class Followed:
    """All scores of all lanes; one that nobody has asked for takes no memory and no time.

    Args:
        lanes: The lanes in flight.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._scores: dict[str, Score] = {}

    def admit(self, slot: int, names: Iterable[str]) -> None:
        """Follow the lane that has just been put into a slot by these scores."""
        for score in self._scores.values():
            score.members[slot] = False
        for name in names:
            score = self._made(name)
            score.members[slot] = True
            score.admit(slot)

    def take(self, slot: int) -> dict[str, npt.NDArray[np.generic]]:
        """A copy of what the scores of a lane have gathered, by ``score.array``."""
        return {key: _copied(array[slot]) for key, array in self._state(slot)}

    def restore(self, slot: int, gathered: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Put it back, into a slot whose lane is followed by the same scores.

        Raises:
            KeyError: Something is missing.
        """
        for key, array in self._state(slot):
            value: Any = gathered[key]
            array[slot] = torch.tensor(value) if isinstance(array, Tensor) else value

    def shapes(self, names: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of all that these scores gather of a lane."""
        return {
            f"{name}.{key}": tuple(array.shape[1:])
            for name in names
            for key, array in self._made(name).state().items()
        }

    def jump(self, slot: int, moved: Tensor | None = None, slope: Tensor | None = None) -> None:
        """A lane has been put elsewhere; see :meth:`Score.jump`."""
        by = torch.zeros_like(self._lanes.x[slot]) if moved is None else moved
        for score, _ in self._of(np.array([slot])):
            score.jump(slot, by, slope)

    def renew(self, slot: int, change: Tensor) -> None:
        """A lane's noise is another; see :meth:`Score.renew`."""
        for score, _ in self._of(np.array([slot])):
            score.renew(slot, change)

    def relabel(self, slot: int) -> None:
        """A lane has been given another label: what was answered of the old one is void."""
        for score in self.asked:
            score.admit(slot)

    def _made(self, name: str) -> Score:
        if name not in self._scores:
            self._scores[name] = KINDS[name](self._lanes)
        return self._scores[name]

    def _state(self, slot: int) -> Iterator[tuple[str, Arrays]]:
        for name, score in self._scores.items():
            if score.members[slot]:
                for key, array in score.state().items():
                    yield f"{name}.{key}", array

    @property
    def asked(self) -> list[Asked]:
        """The scores that want velocities without condition, as far as lanes have asked for any."""
        return [score for score in self._scores.values() if isinstance(score, Asked)]

    @property
    def divergence(self) -> Divergence | None:
        """The score that wants velocities differentiated, if a lane has ever asked for it."""
        score = self._scores.get("divergence")
        return score if isinstance(score, Divergence) else None

    @property
    def renoised(self) -> Renoised | None:
        """The score that is made of finished samples, if a lane has ever asked for it."""
        score = self._scores.get("residual")
        return score if isinstance(score, Renoised) else None

    def keep(self, slots: Slots, weights: Floats) -> None:
        """Steps of these lanes are kept; their state is still that at the start.

        Args:
            slots: The lanes, ``[n]``.
            weights: Of the stages in each lane's step, ``[n, STAGES]``.
        """
        lanes = self._lanes
        for score, part in self._of(slots):
            chosen = slots[part]
            where = lanes.index(chosen)
            t, h = lanes.t[chosen], lanes.h[chosen]
            score.begin(Start(chosen, where, t, h, lanes.x[where], lanes.k[0, where]))
            for stage in np.flatnonzero(weights[part].any(0)):
                weight = weights[part, stage]
                used = chosen[weight != 0]
                where = lanes.index(used)
                score.add(
                    Evaluation(
                        used,
                        where,
                        lanes.stage_t[stage, used],
                        weight[weight != 0],
                        lanes.k[stage, where],
                        lanes.variance[stage, where],
                        lanes.trace[stage, used],
                        lanes.divergence[stage, used],
                        lanes.reading[stage, used],
                    )
                )

    def add(self, evaluation: Evaluation, start: Start) -> None:
        """The same for steps of a single evaluation, whose state is that in ``start``."""
        for score, part in self._of(evaluation.slots):
            index = np.flatnonzero(part)
            chosen = evaluation.slots[part]
            where = self._lanes.index(chosen)
            velocity = evaluation.velocity[index]
            score.begin(
                Start(chosen, where, start.t[part], start.h[part], start.x[index], velocity)
            )
            score.add(
                Evaluation(
                    chosen,
                    where,
                    evaluation.t[part],
                    evaluation.weight[part],
                    velocity,
                    evaluation.variance[index],
                    evaluation.trace[part],
                    evaluation.divergence[part],
                    evaluation.reading[part],
                )
            )

    def values(self, name: str, slots: Slots, end: Tensor) -> Floats:
        """One score of lanes that are followed by it; see :meth:`Score.values`."""
        return to_host(self._scores[name].values(slots, end)).astype(np.float64)

    def _of(self, slots: Slots) -> Iterator[tuple[Score, np.ndarray]]:
        """The scores that any of these lanes asks for, with the mask of those that do."""
        for score in self._scores.values():
            part = score.members[slots]
            if part.any():
                yield score, part


def _copied(value: Any) -> npt.NDArray[np.generic]:
    host = value.cpu().numpy() if isinstance(value, Tensor) else value
    return np.array(host)
