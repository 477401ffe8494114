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
    """A network with its card, and what was learned of it.

    Attributes:
        card: What clients may know.
        network: A ``torch.nn.Module``, in evaluation mode, on its device.
        calibration: Turns uncertainty into confidence; ``None`` when the checkpoint has none.
        grid: Places fixed steps, where the family has them; ``None`` when the checkpoint has none.
        compile: How the network is run.
        digests: Of what can be learned from, by name: ``network``, ``grid``, ``probe``. What is
            learned of the model names them, see :mod:`sureflow.stamp`.
    """

    card: ModelCard
    network: Any
    calibration: Calibration | None
    grid: Any = None
    compile: Compile = "off"
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where the network lives; the CPU for one without tensors."""
        tensors = chain(self.network.parameters(), self.network.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))

    @cached_property
    def engine(self) -> Engine:
        """The mathematics of its family."""
        return engine_of(self.card.family)(self)

    @property
    def score(self) -> str:
        """Name of the score that the model is best judged by, as measured at calibration."""
        if self.calibration is None:
            return families()[self.card.family].default_score
        return self.calibration.score

    def score_for(self, spec: LaneSpec) -> str:
        """The score that lanes like this one are best judged by, of those that they can have."""
        made = self.calibration
        said = {} if made is None else {"score": made.score, UNCONDITIONAL: made.without_condition}
        return family_of(spec).best_score(replace(self.card, calibrated=said), spec)

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
        other = replace(self, **changes)
        other.engine.evaluators = self.engine.evaluators
        return other

    def recalibrated(self, calibration: Calibration) -> Model:
        """The same with another calibration, which its card then tells of."""
        card = replace(
            self.card,
            calibrated=calibration.summary(),
            calibration_version=calibration.version,
        )
        return self.varied(card=card, calibration=calibration)

    def check(self, spec: LaneSpec) -> None:
        """Make sure that a lane suits this model.

        Raises:
            ValueError: It does not; the message begins with the name of the field.
        """
        self.engine.check(spec)
