"""What a family of models tells everybody who need not know it: the torch-free face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar

from sureflow.core.card import ModelCard
from sureflow.core.cost import Cost
from sureflow.core.lane import LaneSpec
from sureflow.core.meaning import Meaning
from sureflow.core.noted import Check
from sureflow.core.plugins import installed
from sureflow.core.setting import Setting
from sureflow.core.wire import Wire

GROUP = "sureflow.families"
"""Entry points of this group are families of other packages."""

HOME = "sureflow.families"
"""Where our own are, a folder each; the name of the folder is that of the family."""


class Family(Wire):
    """The face of a family. A subclass says what is different; nothing here imports torch.

    Attributes:
        name: What checkpoints and cards call it.
        spec: Its lanes.
        fields: The fields that its lanes have beyond those of every lane, in the order in which
            recipes have them, and how each is read back.
        operations: What can be done to a trajectory where it is taken up again, by name.
        operation_fields: Their fields, likewise.
        scores: What can be asked for, and what it means; all larger the less sure the model is.
        default_score: What a model is scored by whose checkpoint recommends nothing.
        engine: Where its mathematics is, ``package.module:Class``, an
            :class:`~sureflow.core.engine.Engine`; imported by processes that evaluate.
    """

    name: ClassVar[str]
    spec: ClassVar[type[LaneSpec]] = LaneSpec
    fields: Mapping[str, Check] = {}
    operations: Mapping[str, type[Any]] = {}
    operation_fields: Mapping[str, Mapping[str, Check]] = {}
    scores: Mapping[str, Meaning]
    default_score: str
    engine: str

    def obstacle(self, score: str, card: ModelCard, spec: LaneSpec) -> str | None:
        """Why a score cannot be had of such a lane, as the end of a sentence; None if it can."""
        return None

    def best_score(self, card: ModelCard, spec: LaneSpec) -> str:
        """The score that lanes like this one are best judged by, of those that they can have."""
        conditioned = any(stratum for stratum, _ in self.strata(spec))
        named = card.calibrated.get("score" if conditioned else "score_unconditional")
        if isinstance(named, str) and self.obstacle(named, card, spec) is None:
            return named
        return self.default_score

    def cost(self, spec: LaneSpec) -> Cost:
        """What a lane costs."""
        raise NotImplementedError

    def setting(self, spec: LaneSpec, realised: float | None = None) -> Setting | None:
        """How a lane is run, to be compared with others; None where nothing compares with it.

        Args:
            spec: The lane.
            realised: The value of the setting's axis that the lane came to, if not its own, such
                as the tolerance of one that had to be in time.
        """
        raise NotImplementedError

    def strata(self, spec: LaneSpec) -> Sequence[tuple[str, float]]:
        """The tables that a lane is compared with, by name, and their weights; they add up to 1."""
        return [("", 1.0)]

    def draws(self, card: ModelCard, setting: Setting) -> Sequence[LaneSpec]:
        """A lane of this setting in every stratum of which a model has, or can have, a table."""
        raise NotImplementedError

    def references(self, setting: Setting, known: Sequence[Setting]) -> Sequence[tuple[int, float]]:
        """The settings with tables that a lane of this one is ranked by, and their weights.

        Args:
            setting: How the lane is run.
            known: Those that have tables.

        Returns:
            Numbers of some of these, and the weights of their quantiles; nothing if none will do.
        """
        return [(0, 1.0)]

    def usual(self, card: ModelCard, known: Sequence[Setting]) -> Sequence[Setting]:
        """Settings at which confidence is measured where nobody asks for others, besides these."""
        return []

    def parse_setting(self, text: str) -> Setting:
        """The setting that a text of the command line means.

        Raises:
            ValueError: It means none.
        """
        raise ValueError(f"lanes of the family {self.name} have no settings to name")


@cache
def families() -> dict[str, Family]:
    """All that are installed, by name: ours, then those of other packages.

    Raises:
        ValueError: Two have the same name.
    """
    home = import_module(HOME)
    found: list[Family] = [
        import_module(f"{HOME}.{module.name}").FAMILY for module in iter_modules(home.__path__)
    ]
    found += installed(GROUP, Family).values()
    by_name = {family.name: family for family in found}
    if len(by_name) < len(found):
        raise ValueError(f"two families of one name among {[family.name for family in found]}")
    return by_name


def family_of(what: LaneSpec | ModelCard) -> Family:
    """The family of a lane, or of a model."""
    return families()[what.family]


def cost_of(spec: LaneSpec) -> Cost:
    """What a lane costs."""
    return family_of(spec).cost(spec)
