"""Calibrating further settings: which lanes to draw, and what their scores say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from sureflow.confidence.calibration import FIRST, Calibration, precision
from sureflow.confidence.measured import Measured
from sureflow.confidence.quantile_map import (
    LEAST_DRAWS,
    LIMIT,
    QuantileMap,
    distance,
    fit_map,
    share_at,
)
from sureflow.core.arrays import Floats
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting

CHECK_DRAWS = 400
"""At each setting at which interpolation is tried."""

Arrays = Mapping[str, npt.NDArray[np.generic]]
"""Conditions by name, ``[m, ...]``."""

Ranks = Mapping[Setting, Mapping[str, Floats]]
"""By setting and score: ranks among the reference draws, ``[n]``; NaN where there is none."""


class Recalibration:
    """Measures confidence at settings, and whether it can be interpolated between them.

    Every setting is drawn from the same noises as that of the reference draws, so that the setting
    alone makes a difference, see :func:`~sureflow.confidence.quantile_map.fit_map`; or by itself,
    if that tells more. Checks then try, at settings to which nothing was fitted, whether confidence
    may be interpolated to the next settings that were measured.

    Args:
        calibration: The tables of the reference draws, and what is known of other settings.
        card: The model.
        wanted: The settings to calibrate.
        draws: Samples at each of them, all strata together, and at each check, for which
            :data:`CHECK_DRAWS` are enough.
        seed: Their seed; not that of the reference draws.
        around: Settings next to which interpolation is tried; by default those wanted.
        conditions: Named arrays ``[m, ...]`` that lanes are conditioned on, in turn.

    Attributes:
        counts: How many lanes have to be drawn of which settings.

    Raises:
        ValueError: The seed is that of the reference draws, there are too few draws, a setting
            does not compare, or the model needs a condition that is not given.
    """

    def __init__(
        self,
        calibration: Calibration,
        card: ModelCard,
        wanted: Sequence[Setting],
        draws: int,
        seed: int,
        around: Sequence[Setting] | None = None,
        conditions: Arrays | None = None,
    ) -> None:
        check_examples(card, conditions or {})
        if seed == calibration.settings.get("seed"):
            raise ValueError(f"seed: {seed} is that of the reference draws")
        if draws < LEAST_DRAWS:
            raise ValueError(f"draws: {draws} are too few; at least {LEAST_DRAWS}")
        if not all(setting.comparable for setting in wanted):
            raise ValueError("sampler: such lanes are not drawn as reference draws are")
        self.calibration, self._card, self._family = calibration, card, family_of(card)
        self._conditions = conditions or {}
        self._wanted, self._draws, self._seed = [*dict.fromkeys(wanted)], draws, seed
        known = calibration.measured.renewed(Measured(one, {}, {}) for one in self._wanted)
        untried = known.untried(self._wanted if around is None else around)
        counts = card.step_counts
        self._checks = [z for z in untried if not counts or z[0].record()["steps"] in counts]
        needed = [(draws, self._compared(one)) for one in self._wanted]
        needed += [(min(draws, CHECK_DRAWS), self._with_home(one)) for one, _ in self._checks]
        self.counts: dict[Setting, int] = {}
        for count, settings in needed:
            self.counts |= {one: max(self.counts.get(one, 0), count) for one in settings}

    def lanes(self, setting: Setting) -> list[LaneSpec]:
        """The lanes to draw of a setting, strata in turn, with all scores that they can have."""
        turns = scored(self._card, setting, self.calibration.quantiles, self._seed)
        lanes = [replace(turns[i % len(turns)], index=i) for i in range(self.counts[setting])]
        return [conditioned(self._family.drawn(self._card, z), self._conditions) for z in lanes]

    def result(self, scores: Iterable[Mapping[str, float]]) -> Calibration:
        """The calibration with what the scores of all lanes say, in the order of :attr:`counts`."""
        rest = iter(scores)
        ranks = {one: self._ranks(one, [*islice(rest, n)]) for one, n in self.counts.items()}
        measured = [self._measured(one, ranks) for one in self._wanted]
        made = replace(self.calibration, measured=self.calibration.measured.renewed(measured))
        checks = [self._checked(made, one, ends, ranks) for one, ends in self._checks]
        return self.calibration.measured_anew(made.measured.renewed(checks))

    def _with_home(self, setting: Setting) -> list[Setting]:
        """The setting, and that of the tables that rank it, if it is a single other one."""
        weights = self._family.references(setting, self.calibration.references)
        homes = {self.calibration.references[number] for number, _ in weights}
        return [setting, *homes - {setting}] if len(homes) == 1 else [setting]

    def _compared(self, setting: Setting) -> list[Setting]:
        """The same, unless so many draws tell more by themselves."""
        each = self._draws / len([*self._parts(setting)])
        alone = each > max(1 / LIMIT**2, self.calibration.settings.get("draws", 1))
        return [setting] if alone else self._with_home(setting)

    def _parts(self, setting: Setting) -> Iterator[tuple[str, slice]]:
        """The strata of a setting, and where their lanes are."""
        turns = self._family.draws(self._card, setting)
        for turn, lane in enumerate(turns):
            yield self._family.strata(lane)[0][0], slice(turn, None, len(turns))

    def _ranks(self, setting: Setting, scores: Sequence[Mapping[str, float]]) -> dict[str, Floats]:
        weights = self.calibration.weights(self._family, setting) or FIRST
        ranks = {name: np.full(len(scores), np.nan) for name in self.calibration.quantiles}
        for stratum, part in self._parts(setting):
            for name, found in ranks.items():
                values = np.array([of_lane.get(name, np.nan) for of_lane in scores[part]])
                found[part] = self.calibration.ranks(name, values, stratum, weights)
        return ranks

    def _measured(self, setting: Setting, ranks: Ranks) -> Measured:
        """Maps and errors of a setting."""
        maps: dict[str, QuantileMap] = {}
        error: dict[str, float] = {}
        settings = self._compared(setting)
        for name in self.calibration.quantiles:
            compared = np.stack([ranks[one][name][: self._draws] for one in settings])
            if _known(compared).size:
                fitted, wrong = self._fitted(setting, compared)
                # Tables are right for their own setting, unless something better is known.
                if wrong <= LIMIT or setting not in self.calibration.references:
                    error[name] = wrong
                    maps |= {name + suffix: each for suffix, each in fitted.items()}
        return Measured(setting, maps, error)

    def _fitted(self, setting: Setting, ranks: Floats) -> tuple[dict[str, QuantileMap], float]:
        """Maps by stratum if all of these are good enough, else one for all; and the error.

        One for all may be off in a stratum and not in all together. As soon as it is off there by
        more than chance explains, the error is that of the stratum. The ranks are those of the
        setting and, in a second row, those of the same noises at home: ``[1 or 2, n]``.
        """
        draws, parts = self.calibration.settings.get("draws", 1), [*self._parts(setting)]
        apart = {f"/{stratum}": _known(ranks[:, part]) for stratum, part in parts}
        fits = {name: fit_map(draws, *known) for name, known in apart.items() if known.size}
        worst = max(error for _, error in fits.values())
        if len(parts) > 1 and worst <= LIMIT:
            return {stratum: found for stratum, (found, _) in fits.items()}, worst
        one, error = fit_map(draws * len(parts), *_known(ranks))
        for _, part in parts:
            (there,) = _known(ranks[:1, part])
            if len(there):
                off = distance(share_at(one, there)) - precision(len(there))
                error = max(error, off) if off > LIMIT else error
        return {"": one}, error

    def _checked(
        self, made: Calibration, setting: Setting, between: tuple[float, float], ranks: Ranks
    ) -> Measured:
        """How far confidence is from uniform at a setting to which no map was fitted.

        Or, if that is less, from the confidence of the same noises at home: the tables owe
        something to chance, which interpolation does not cause.
        """
        error, settings = {}, self._with_home(setting)
        for name in self.calibration.quantiles:
            known = _known(np.stack([self._confidence(made, name, one, ranks) for one in settings]))
            if known.size:
                error[name] = min(distance(known[0]), distance(*known))
        return Measured(setting, {}, error, between)

    def _confidence(self, made: Calibration, name: str, setting: Setting, ranks: Ranks) -> Floats:
        """Of the lanes of a check; NaN where there is none."""
        found = ranks[setting][name][:CHECK_DRAWS].copy()
        for stratum, part in self._parts(setting):
            found[part] = made.measured.confidence(found[part], name, stratum, setting)
        return found


def check_examples(card: ModelCard, conditions: Arrays) -> None:
    """Check that there are examples of all conditions that the model needs.

    Raises:
        ValueError: There are not.
    """
    for name in (name for name in card.required if name not in conditions):
        how = "`sureflow calibrate --conditions FILE` draws with those in a file"
        raise ValueError(f"conditions: {card.name} needs {name} for every sample; {how}")


def conditioned(lane: LaneSpec, conditions: Arrays) -> LaneSpec:
    """The lane with the examples of conditions that its index chooses, in turn."""
    if not conditions:
        return lane
    return replace(lane, condition={name: z[lane.index % len(z)] for name, z in conditions.items()})


def scored(card: ModelCard, setting: Setting, names: Iterable[str], seed: int) -> list[LaneSpec]:
    """A lane of every stratum of a setting, with those of some scores that it can have."""
    family, names = family_of(card), [*names]
    return [
        replace(
            lane,
            seed=seed,
            scores=tuple(name for name in names if family.obstacle(name, card, lane) is None),
        )
        for lane in family.draws(card, setting)
    ]


def _known(ranks: Floats) -> Floats:
    """The columns that are numbers."""
    return ranks[:, np.isfinite(ranks).all(0)]
