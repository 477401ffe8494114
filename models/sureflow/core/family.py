"""The face of a family: all that code outside the family's folder needs to know. Free of torch."""

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
from sureflow.core.plugins import installed
from sureflow.core.setting import Setting
from sureflow.core.wire import Wire

GROUP = "sureflow.families"
"""Group of the entry points by which other packages bring families."""

HOME = "sureflow.families"
"""Package of our own families, one folder each, named after the family."""


class Family(Wire):
    """The face of a family. A subclass overrides what is its own; nothing here imports torch.

    Attributes:
        name: The name that checkpoints and cards use.
        spec: Class of the family's lanes. Recipes have the fields that it adds to those of every
            lane; :func:`~sureflow.core.note.check_of` reads them back by their annotations.
        operations: Operations that an edit can apply to a trajectory, by name.
        scores: Scores that a request can ask for, and what each means. All are larger the less
            sure the model is.
        default_score: Score of models whose calibration recommends none.
        engine: Path of the family's engine, ``package.module:Class``, a subclass of
            :class:`~sureflow.core.engine.Engine`. Only processes that evaluate import it.
    """

    name: ClassVar[str]
    spec: ClassVar[type[LaneSpec]] = LaneSpec
    operations: Mapping[str, type[Any]] = {}
    scores: Mapping[str, Meaning]
    default_score: str
    engine: str

    def obstacle(self, score: str, card: ModelCard, spec: LaneSpec) -> str | None:
        """Why a lane cannot have a score, as the end of a sentence; ``None`` if it can."""
        return None

    def best_score(self, card: ModelCard, spec: LaneSpec) -> str:
        """The recommended score of a lane: the model's own if the lane can have it."""
        conditioned = any(stratum for stratum, _ in self.strata(spec))
        named = card.calibrated.get("score" if conditioned else "score_unconditional")
        if isinstance(named, str) and self.obstacle(named, card, spec) is None:
            return named
        return self.default_score

    def cost(self, spec: LaneSpec) -> Cost:
        """The cost of a lane."""
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
    """All installed families by name: ours, then those of other packages.

    Raises:
        ValueError: Two families have the same name.
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
    """The cost of a lane."""
    return family_of(spec).cost(spec)
