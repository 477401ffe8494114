"""A loaded model: what sampling needs to know, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any

import torch

from sureflow.confidence.calibration import UNCONDITIONAL, Calibration
from sureflow.core.card import ModelCard
from sureflow.core.engine import Engine, engine_of
from sureflow.core.execution import Compile
from sureflow.core.family import families, family_of
from sureflow.core.lane import LaneSpec


@dataclass(frozen=True)
class Model:
    """A network with its card, its calibration and what else was learned from it.

    Attributes:
        network: A ``torch.nn.Module``, in evaluation mode, on its device.
        calibration: Turns uncertainty into confidence; ``None`` when the checkpoint has none.
        grid: Fitted time grid of fixed steps; ``None`` when the checkpoint has none.
        index: Training samples that samples are compared with, a
            :class:`~sureflow.training_index.TrainingIndex`; ``None`` when the checkpoint has none.
        compile: How the network is run.
        digests: Digests of ``network``, ``grid`` and ``probe``, as far as there are any. Files
            learned from the model refer to them; see :mod:`sureflow.learned`.
    """

    card: ModelCard
    network: Any
    calibration: Calibration | None
    grid: Any = None
    compile: Compile = "off"
    digests: Mapping[str, str] = field(default_factory=dict)
    index: Any = None

    @property
    def device(self) -> torch.device:
        """Device of the network; the CPU for a network without tensors."""
        tensors = chain(self.network.parameters(), self.network.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))

    @cached_property
    def engine(self) -> Engine:
        """The engine of the model's family."""
        return engine_of(self.card.family)(self)

    @property
    def score(self) -> str:
        """Name of the model's recommended score, as measured at calibration."""
        if self.calibration is None:
            return families()[self.card.family].usual_score(self.card)
        return self.calibration.score

    def score_for(self, spec: LaneSpec) -> str:
        """The recommended score of a lane, of those that it can have."""
        made = self.calibration
        names = {} if made is None else {"score": made.score, UNCONDITIONAL: made.without_condition}
        return family_of(spec).best_score(replace(self.card, calibrated=names), spec)

    def confidence(
        self, uncertainty: float, spec: LaneSpec, realised: float | None = None
    ) -> tuple[float | None, bool | None]:
        """Share of the model's draws that are less sure, in [0, 1], and whether it is calibrated.

        Both are ``None`` when the model has no tables for lanes like this one. ``uncertainty`` is
        the lane's first score; for ``realised`` see :meth:`sureflow.core.family.Family.setting`.
        """
        if self.calibration is None:
            return None, None
        score = spec.scores[0] if spec.scores else self.score_for(spec)
        found = self.calibration.confidence(score, uncertainty, spec, realised)
        if found is None:
            return None, None
        return found, self.calibration.calibrated_for(score, spec, realised)

    def varied(self, **changes: Any) -> Model:
        """A copy with other fields. It shares the evaluators, which need not be verified again."""
        other = replace(self, **changes)
        other.engine.evaluators = self.engine.evaluators
        return other

    def recalibrated(self, calibration: Calibration) -> Model:
        """A copy with another calibration, and a card that says so."""
        told, version = calibration.summary(), calibration.version
        card = replace(self.card, calibrated=told, calibration_version=version)
        return self.varied(card=card, calibration=calibration)

    def check(self, spec: LaneSpec) -> None:
        """Check that the model can run a lane.

        Raises:
            ValueError: It cannot; the message begins with the name of the field.
        """
        self.engine.check(spec)
