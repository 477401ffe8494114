"""A loaded model: what sampling needs to know, in one place."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from sureflow.confidence.calibration import Calibration
from sureflow.core.card import ModelCard
from sureflow.core.execution import Compile
from sureflow.core.family import Family, families
from sureflow.core.lane import LaneSpec
from sureflow.families.flow.checks import check_keeping, check_origin
from sureflow.families.flow.directional import ROW_COUNTS, Directional
from sureflow.families.flow.grid import Grid
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import (
    GRIDS,
    MAX_PARALLEL,
    MAX_STEPS,
    MIN_TOLERANCE,
    PARALLEL_METHODS,
    FlowSpec,
)
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, METHODS
from sureflow.networks import VelocityNetwork
from sureflow.sampling.evaluator import Evaluator


@dataclass(frozen=True)
class Model:
    """A velocity network with its card, calibration and time grid.

    Attributes:
        card: What clients may know.
        network: In evaluation mode, on its device.
        calibration: Turns uncertainty into confidence; ``None`` when the checkpoint has none.
        grid: Places fixed steps; ``None`` when the checkpoint has none.
        compile: How the network is run.
    """

    card: ModelCard
    network: VelocityNetwork
    calibration: Calibration | None
    grid: Grid | None = None
    compile: Compile = "off"

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.network.device

    @cached_property
    def evaluator(self) -> Evaluator:
        """Evaluates the network on row counts that were verified once, on first use."""
        return Evaluator(self.network, compile=self.compile)

    @cached_property
    def directional(self) -> Evaluator:
        """The same for its directional derivatives; servers make it in their warm-up."""
        return Evaluator(Directional(self.network), ROW_COUNTS)

    @property
    def family(self) -> Family:
        """The family of its lanes."""
        return families()[self.card.family]

    @property
    def score(self) -> str:
        """Name of the score that the model is best judged by, as measured at calibration."""
        return self.family.default_score if self.calibration is None else self.calibration.score

    def score_for(self, spec: LaneSpec) -> str:
        """The score that lanes like this one are best judged by, of those that they can have."""
        return self.family.best_score(self.card, spec)

    def confidence(
        self, uncertainty: float, spec: LaneSpec, realised: float | None = None
    ) -> tuple[float | None, bool | None]:
        """Share of draws like it that are less sure, in [0, 1], and whether that is calibrated.

        Both are ``None`` when the model has no tables for lanes like this one.

        Args:
            uncertainty: The lane's first score.
            spec: The lane.
            realised: The value of its setting's axis that it came to, such as the widest tolerance
                that it was held to, if not that of the spec.
        """
        if self.calibration is None:
            return None, None
        score = spec.scores[0] if spec.scores else self.score_for(spec)
        found = self.calibration.confidence(score, uncertainty, spec, realised)
        if found is None:
            return None, None
        return found, self.calibration.calibrated_for(score, spec, realised)

    def varied(self, **changes: Any) -> Model:
        """The same network with other fields; what has been verified of it need not be again."""
        other = copy(self)
        vars(other).update(changes)
        return other

    def recalibrated(self, calibration: Calibration) -> Model:
        """The same with another calibration, which its card then tells of."""
        card = replace(
            self.card,
            calibrated=calibration.summary(),
            calibration_version=calibration.version,
        )
        return self.varied(card=card, calibration=calibration)

    def check(self, spec: FlowSpec) -> None:
        """Make sure that a lane suits this model.

        Raises:
            ValueError: It does not; the message begins with the name of the field.
        """
        if not 0 <= spec.seed < 2**63:
            raise ValueError(f"seed: {spec.seed} is not in 0 .. 2**63 - 1")
        if spec.method not in METHODS:
            raise ValueError(f"method: {spec.method!r} is unknown; choose from {METHODS}")
        if not 1 <= spec.steps <= MAX_STEPS:
            raise ValueError(f"steps: {spec.steps} is not in 1 .. {MAX_STEPS}")
        if spec.grid not in GRIDS:
            raise ValueError(f"grid: {spec.grid!r} is unknown; choose from {GRIDS}")
        if spec.grid == "fitted" and self.grid is None:
            raise ValueError(
                f"grid: {self.card.name} has no fitted grid; `sureflow grid` makes one"
            )
        if spec.tolerance is not None:
            _check_tolerance(spec, spec.tolerance)
        if spec.parallel:
            _check_parallel(spec)
        classes = len(self.card.classes)
        if spec.label is not None and not 0 <= spec.label < classes:
            allowed = f"0 .. {classes - 1}" if classes else "none: the model is unconditional"
            raise ValueError(f"label: {spec.label} is unknown; labels are {allowed}")
        if spec.label is None and spec.guidance != 1:
            raise ValueError("guidance: a scale other than 1 needs a label")
        _check_scores(spec, self.card)
        if spec.early is not None and not 0 <= spec.early <= 1:
            raise ValueError(f"early: {spec.early} is not in 0 .. 1")
        check_keeping(spec)
        if spec.origin is not None:
            check_origin(spec, spec.origin, self)


def _check_tolerance(spec: FlowSpec, tolerance: float) -> None:
    """Make sure that an adaptive lane can be run."""
    if not MIN_TOLERANCE <= tolerance <= 1:
        raise ValueError(f"tolerance: {tolerance} is not in {MIN_TOLERANCE:g} .. 1")
    if spec.method not in ADAPTIVE_METHODS:
        raise ValueError(
            f"tolerance: {spec.method} does not estimate its error; choose from {ADAPTIVE_METHODS}"
        )
    if not 1 <= spec.min_steps <= MAX_STEPS:
        raise ValueError(f"min_steps: {spec.min_steps} is not in 1 .. {MAX_STEPS}")
    if not spec.min_steps <= spec.max_steps <= MAX_STEPS:
        raise ValueError(
            f"max_steps: {spec.max_steps} is not in min_steps = {spec.min_steps} .. {MAX_STEPS}"
        )


def _check_scores(spec: FlowSpec, card: ModelCard) -> None:
    """Make sure that a lane's scores can be gathered."""
    for name in spec.scores:
        if name not in SCORES:
            raise ValueError(f"scores: {name!r} is unknown; choose from {tuple(SCORES)}")
        obstacle = SCORES[name].obstacle(card, spec.label, spec.guidance, bool(spec.parallel))
        if obstacle:
            raise ValueError(f"scores: {name} {obstacle}")


def _check_parallel(spec: FlowSpec) -> None:
    """Make sure that a lane's steps can be evaluated ahead of time."""
    if not 0 <= spec.parallel <= MAX_PARALLEL:
        raise ValueError(f"parallel: {spec.parallel} is not in 0 .. {MAX_PARALLEL}")
    if spec.tolerance is not None:
        raise ValueError("parallel: the steps of a tolerance are not known ahead of time")
    if spec.method not in PARALLEL_METHODS:
        raise ValueError(f"parallel: not with {spec.method}; choose from {PARALLEL_METHODS}")
    if not 0 <= spec.parallel_tolerance <= 1:
        raise ValueError(f"parallel_tolerance: {spec.parallel_tolerance} is not in 0 .. 1")
