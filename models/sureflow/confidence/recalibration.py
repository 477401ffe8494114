"""Calibrating further settings: which lanes to draw, and what their scores come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sureflow.confidence.calibration import FIRST, LEAST_DRAWS, Calibration, precision
from sureflow.confidence.measured import Measured
from sureflow.confidence.quantile_map import (
    LIMIT,
    SAME,
    Floats,
    QuantileMap,
    distance,
    fit_map,
)
from sureflow.core.card import ModelCard
from sureflow.core.family import Family
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting

CHECK_DRAWS = 400
"""At each setting at which interpolation is tried."""

Scores = Sequence[Mapping[str, float]]
"""Of finished lanes, by name, each."""


class Recalibration:
    """Measures confidence at settings, and whether it can be interpolated between them.

    Settings are run from the same noises as that of the reference draws, so that what differs is
    the setting's doing, see :func:`~sureflow.confidence.quantile_map.fit_map`; unless there are so
    many draws that they tell more by themselves. Then it is tried, at settings that nothing is
    fitted to, whether confidence may be interpolated to the next settings that were measured.

    Args:
        calibration: What there is.
        card: The model.
        family: That of its lanes.
        wanted: The settings to calibrate.
        draws: Samples at each of them, all strata together, and at each check, of which
            :data:`CHECK_DRAWS` are enough.
        seed: Their seed; not that of the reference draws.
        around: Settings next to which interpolation is tried; by default these.

    Attributes:
        counts: How many lanes have to be made of which settings.

    Raises:
        ValueError: The seed is that of the reference draws, there are too few draws, or a setting
            does not compare.
    """

    def __init__(
        self,
        calibration: Calibration,
        card: ModelCard,
        family: Family,
        wanted: Sequence[Setting],
        draws: int,
        seed: int,
        around: Sequence[Setting] | None = None,
    ) -> None:
        if seed == calibration.settings.get("seed"):
            raise ValueError(f"seed: {seed} is that of the reference draws")
        if draws < LEAST_DRAWS:
            raise ValueError(f"draws: {draws} are too few; at least {LEAST_DRAWS}")
        if not all(setting.comparable for setting in wanted):
            raise ValueError("sampler: such lanes are not drawn as reference draws are")
        self.calibration, self._card, self._family = calibration, card, family
        self._wanted, self._draws, self._seed = [*dict.fromkeys(wanted)], draws, seed
        known = calibration.measured.renewed(Measured(one, {}, {}) for one in self._wanted)
        self._checks = known.untried(self._wanted if around is None else around)
        self.counts: dict[Setting, int] = {}
        for one in self._wanted:
            self._count(one, draws, not self._alone(one))
        for middle, _ in self._checks:
            self._count(middle, min(draws, CHECK_DRAWS), True)

    def _count(self, setting: Setting, count: int, pairs: bool) -> None:
        for one in (setting, self._home(setting) if pairs else None):
            if one is not None:
                self.counts[one] = max(self.counts.get(one, 0), count)

    def lanes(self, setting: Setting) -> list[LaneSpec]:
        """Those to be made of a setting, with all scores that have tables and that they can have.

        The strata take turns.
        """
        turns = []
        for lane in self._family.draws(self._card, setting):
            names = (
                name
                for name in self.calibration.quantiles
                if self._family.obstacle(name, self._card, lane) is None
            )
            turns.append(replace(lane, seed=self._seed, scores=(*names,)))
        count = self.counts[setting]
        return [replace(turns[index % len(turns)], index=index) for index in range(count)]

    def result(self, scores: Mapping[Setting, Scores]) -> Calibration:
        """What has been learned.

        Args:
            scores: Of the lanes of every setting, in their order.
        """
        ranks = {one: self._ranks(one, of_lanes) for one, of_lanes in scores.items()}
        measured = [self._measured(one, ranks) for one in self._wanted]
        made = replace(self.calibration, measured=self.calibration.measured.renewed(measured))
        checks = [self._checked(made, one, ends, ranks) for one, ends in self._checks]
        return replace(made, measured=made.measured.renewed(checks), version="")

    def _home(self, setting: Setting) -> Setting | None:
        """The setting of the tables by which another one is ranked, if it is a single other one."""
        weights = self._family.references(setting, self.calibration.references)
        home = self.calibration.references[weights[0][0]] if len(weights) == 1 else None
        return None if home == setting else home

    def _alone(self, setting: Setting) -> bool:
        """Whether so many draws tell more by themselves than beside others of the same noises."""
        each = self._draws / len(self._strata(setting))
        enough = each > max(1 / LIMIT**2, self.calibration.settings.get("draws", 1))
        return enough or self._home(setting) is None

    def _strata(self, setting: Setting) -> list[str]:
        """Of its lanes, which take turns."""
        lanes = self._family.draws(self._card, setting)
        return [self._family.strata(lane)[0][0] for lane in lanes]

    def _parts(self, setting: Setting) -> Iterator[tuple[str, slice]]:
        """Its strata, and where their lanes are."""
        strata = self._strata(setting)
        for turn, stratum in enumerate(strata):
            yield stratum, slice(turn, None, len(strata))

    def _ranks(self, setting: Setting, scores: Scores) -> dict[str, Floats]:
        """Among the reference draws, by name of the score; NaN where there is none."""
        weights = self.calibration.weights(self._family, setting) or FIRST
        ranks = {name: np.full(len(scores), np.nan) for name in self.calibration.quantiles}
        for stratum, part in self._parts(setting):
            for name, found in ranks.items():
                values = np.array([of_lane.get(name, np.nan) for of_lane in scores[part]])
                found[part] = self.calibration.ranks(name, values, stratum, weights)
        return ranks

    def _measured(self, setting: Setting, ranks: Mapping[Setting, dict[str, Floats]]) -> Measured:
        """Maps and errors of a setting."""
        home = None if self._alone(setting) else self._home(setting)
        maps: dict[str, QuantileMap] = {}
        error: dict[str, float] = {}
        for name, there in ranks[setting].items():
            here = None if home is None else ranks[home][name][: self._draws]
            if _known(there, here).any():
                fitted, wrong = self._fitted(setting, there[: self._draws], here)
                # Tables are right for their own setting, unless something better is known.
                if wrong <= LIMIT or setting not in self.calibration.references:
                    error[name] = wrong
                    maps |= {name + suffix: each for suffix, each in fitted.items()}
        return Measured(setting, maps, error)

    def _fitted(
        self, setting: Setting, there: Floats, here: Floats | None
    ) -> tuple[dict[str, QuantileMap], float]:
        """Maps by stratum if all of these are good enough, else one for all; and the error.

        With one for all a stratum may be off where all together are not. As soon as it is off by
        more than chance explains, the error is that of the stratum.
        """
        draws, parts = self.calibration.settings.get("draws", 1), [*self._parts(setting)]
        apart = {}
        for stratum, part in parts:
            found = _fit(there[part], None if here is None else here[part], draws)
            if found is not None:
                apart[f"/{stratum}"] = found
        if len(parts) > 1 and all(error <= LIMIT for _, error in apart.values()):
            worst = max(error for _, error in apart.values())
            return {stratum: one for stratum, (one, _) in apart.items()}, worst
        one, error = _fit(there, here, draws * len(parts)) or (SAME, 1.0)
        for _, part in parts:
            known = there[part][np.isfinite(there[part])]
            if len(known):
                off = distance(np.asarray(one.at(known))) - precision(len(known))
                error = max(error, off) if off > LIMIT else error
        return {"": one}, error

    def _checked(
        self,
        made: Calibration,
        setting: Setting,
        between: tuple[float, float],
        ranks: Mapping[Setting, dict[str, Floats]],
    ) -> Measured:
        """How far confidence is from uniform at a setting that no map was fitted to.

        Or from that of the same noises at the setting of the tables, if that is less: the tables
        owe something to chance, which is not the interpolation's doing.
        """
        home, error = self._home(setting), {}
        for name in ranks[setting]:
            there = self._confidence(made, name, setting, ranks)
            here = None if home is None else self._confidence(made, name, home, ranks)
            known = _known(there, here)
            if known.any():
                error[name] = distance(there[known])
                if here is not None:
                    error[name] = min(error[name], distance(there[known], here[known]))
        return Measured(setting, {}, error, between)

    def _confidence(
        self,
        made: Calibration,
        name: str,
        setting: Setting,
        ranks: Mapping[Setting, dict[str, Floats]],
    ) -> Floats:
        """Of the lanes of a check; NaN where there is none."""
        found = ranks[setting][name][:CHECK_DRAWS].copy()
        for stratum, part in self._parts(setting):
            found[part] = made.measured.confidence(found[part], name, stratum, setting)
        return found


def _known(there: Floats, here: Floats | None) -> npt.NDArray[np.bool_]:
    """Where there are numbers."""
    return np.isfinite(there) if here is None else np.isfinite(there) & np.isfinite(here)


def _fit(there: Floats, here: Floats | None, draws: int) -> tuple[QuantileMap, float] | None:
    """Map and error of those that there are; None if there are none, SAME if they are too few."""
    known = _known(there, here)
    if not known.any():
        return None
    if known.sum() < LEAST_DRAWS:
        return SAME, 1.0
    return fit_map(there[known], None if here is None else here[known], draws)
