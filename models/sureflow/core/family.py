"""The face of a family: all that code outside the family's folder needs to know. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import count
from math import prod
from pkgutil import iter_modules
from typing import Any, ClassVar

from sureflow.core.card import ModelCard
from sureflow.core.codec import Codec
from sureflow.core.halving import rungs_from
from sureflow.core.json_array import read_array
from sureflow.core.lane import Array, LaneSpec, Sample
from sureflow.core.plugins import installed
from sureflow.core.schema import Schema
from sureflow.core.setting import Setting

GROUP = "sureflow.families"
"""Group of the entry points by which other packages bring families."""

HOME = "sureflow.families"
"""Package of our own families, one folder each, named after the family."""

Edited = tuple[LaneSpec, list[tuple[int, object]]]
"""The lane of an edit, and its operations, each with its position in the request."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a lane.

    Attributes:
        evaluations: Evaluations that the lane takes, one after another.
        rows: Network rows of each evaluation, including those that its scores ask for.
        peak: Most rows that the lane asks for in one tick.
        extra: Rows that its scores ask for once in a lane.
        steps: Most steps that the lane may take.
        kind: A key shared by lanes of similar cost, by whose actual costs the server corrects the
            estimate. ``None`` if the numbers above are exact.
    """

    evaluations: int
    rows: int
    peak: int
    steps: int
    extra: int = 0
    kind: Hashable | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a score. A family may add to it in a subclass.

    Attributes:
        semantics: What a large value means, in one word. Values of different scores are never
            compared. All scores are larger the less sure the model is.
        unit: Unit of the value.
        says: What the score measures, in a sentence.
        not_for: What it is not for, in a few words; empty if that is not known.
        way_back: Whether it is measured on the way back from a given sample, and so is of that one;
            else it is of what the model makes of it.
        foretells: Time from which its value on the way foretells that at the end; 1 if never.
        steepest: Certified bound on how much it changes per data unit by which a sample moves
            (Euclidean); 0 where none is known.
    """

    semantics: str
    unit: str
    says: str
    not_for: str = ""
    way_back: bool = False
    foretells: float = 0.0
    steepest: float = 0.0

    @property
    def costly(self) -> bool:
        """Whether it costs a pass of its own for every evaluation of the sample."""
        return False


class NoOptions(Schema):
    """The family has no such options."""


class Family:
    """The face of a family. A subclass overrides what is its own; nothing here imports torch.

    The methods from :meth:`lane` on are for requests. For one that the model cannot serve, they
    raise an :class:`~sureflow.core.schema.InvalidFieldError`, which names the field.

    Attributes:
        name: The name that checkpoints and cards use.
        spec: Class of the family's lanes. Recipes have the fields that it adds to those of every
            lane, and :func:`~sureflow.core.field_types.check_types` checks them.
        operations: Operations that an edit can apply to a trajectory, by name.
        scores: Scores that a request can ask for, and what each means.
        default_score: Score of models whose calibration recommends none, if they can have it.
        engine: Path of the family's engine, ``package.module:Class``, a subclass of
            :class:`~sureflow.core.engine.Engine`. Only processes that evaluate import it.
        sampler: Schema of ``sampler`` in requests.
        guidance: Schema of ``guidance`` in requests.
        operation_bodies: Schemas of the entries of ``operations``, by their ``type``.
        samplers: Names of the solvers, for the model's card.
        reference: Setting of the reference draws where nobody names another, but for its guidance
            scale, as :meth:`parse_setting` reads it.
        codec: Encodes samples.
        tensors: Tensors of the Open Inference Protocol that set fields of a request, by name: the
            datatype of the tensor and the path of the field.
        inversion: Sampler of an inversion that names none; ``None``: samples cannot be inverted.
        rewind_operation: The operation with which the filter action ``rewind`` varies a sample.
        wire_names: Paths of fields of a request, by name of the lane's field, where they differ.
    """

    name: ClassVar[str]
    spec: ClassVar[type[LaneSpec]] = LaneSpec
    operations: Mapping[str, type[Any]] = {}
    scores: Mapping[str, Meaning]
    default_score: str
    engine: str
    sampler: ClassVar[type[Schema]] = NoOptions
    guidance: ClassVar[type[Schema]] = NoOptions
    operation_bodies: Mapping[str, type[Schema]] = {}
    samplers: Sequence[str] = ()
    reference: str = ""
    codec: Codec = Codec()
    tensors: Mapping[str, tuple[str, str]] = {}
    inversion: Schema | None = None
    rewind_operation: object | None = None
    wire_names: Mapping[str, str] = {}

    def obstacle(self, score: str, card: ModelCard, spec: LaneSpec) -> str | None:
        """Why a lane cannot have a score, as the end of a sentence; ``None`` if it can."""
        return None

    def view(self, card: ModelCard) -> str:
        """How people look at a model's samples: the name of a view, which pages draw by it.

        ``image``; ``plane`` (vectors, as points); ``text``; ``molecule`` (a text that is drawn);
        ``crystal`` (a cell with atoms); ``counts`` (of named components). A page that has no view
        of a name shows numbers.
        """
        return "image" if card.media == "image" else "plane"

    def usual_score(self, card: ModelCard) -> str:
        """The score of a model whose calibration recommends none."""
        return self.default_score

    def best_score(self, card: ModelCard, spec: LaneSpec) -> str:
        """The recommended score of a lane: the model's own if the lane can have it."""
        conditioned = any(stratum for stratum, _ in self.strata(spec))
        named = card.calibrated.get("score" if conditioned else "score_unconditional")
        if isinstance(named, str) and self.obstacle(named, card, spec) is None:
            return named
        return self.usual_score(card)

    def canonical(self, card: ModelCard, spec: LaneSpec) -> LaneSpec:
        """The same lane in the one way of writing it, where a spec can say a thing in several."""
        return spec

    def sized(self, card: ModelCard, spec: LaneSpec) -> ModelCard:
        """The card with the shapes of a lane, where a model makes samples of several.

        Raises:
            ValueError: The model makes none of the lane's; the message begins with the field.
        """
        return card

    def cost(self, spec: LaneSpec) -> Cost:
        """The cost of a lane; that of its rows is :func:`weight_of`."""
        raise NotImplementedError

    def setting(self, spec: LaneSpec, realised: float | None = None) -> Setting | None:
        """How a lane is run, to be compared with others; None where nothing compares with it.

        ``realised`` is the value of the setting's axis that the lane came to, if not its own, such
        as the tolerance of a lane that had to meet a deadline.
        """
        raise NotImplementedError

    def strata(self, spec: LaneSpec) -> Sequence[tuple[str, float]]:
        """The tables that a lane is compared with, by name, and their weights; they add up to 1."""
        return [("", 1.0)]

    def draws(self, card: ModelCard, setting: Setting) -> Sequence[LaneSpec]:
        """A lane of this setting in every stratum of which a model has, or can have, a table."""
        raise NotImplementedError

    def drawn(self, card: ModelCard, lane: LaneSpec) -> LaneSpec:
        """A lane of :meth:`draws`, which has been given an index, with what is drawn by the index.

        So the draws of a stratum can be of several conditions.
        """
        return lane

    def references(self, setting: Setting, known: Sequence[Setting]) -> Sequence[tuple[int, float]]:
        """By which of the ``known`` settings, which have tables, a lane of a setting is ranked.

        Returns their numbers and the weights of their quantiles; nothing if none will do.
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

    def lane(
        self,
        card: ModelCard,
        seed: int,
        condition: Mapping[str, Any],
        guidance: Any,
        sampler: Any,
    ) -> LaneSpec:
        """Return the first lane of a request, with the fields that are the family's own.

        ``condition`` has the conditions by name as the client wrote them, see
        :mod:`sureflow.core.condition`; ``guidance`` and ``sampler`` are instances of the schemas.
        """
        raise NotImplementedError

    def edit(
        self,
        card: ModelCard,
        parent: LaneSpec,
        sampler: Any,
        operations: Sequence[Any],
        sample: Callable[[], Array],
    ) -> Edited:
        """Return the lane that continues from a parent as an edit asks, and its operations.

        Without a sampler it keeps that of the parent. ``sample`` reads the sample of the parent
        ``[*state_shape]``, which is a latent if the model has a decoder.
        """
        raise NotImplementedError

    def sampler_options(self, spec: LaneSpec) -> Mapping[str, Any]:
        """The options of ``sampler`` by which a lane is run."""
        names = self.sampler.model_fields
        return {name: getattr(spec, name) for name in names if hasattr(spec, name)}

    def completed(self, given: Mapping[str, Any], usual: Mapping[str, Any]) -> Mapping[str, Any]:
        """The ``sampler`` of a request as it was written, and the usual options for what it omits.

        Usual options that do not go with those that were given are left out.
        """
        return {**usual, **given}

    def draws_noise(self, operation: object) -> bool:
        """Whether an operation draws noise, so that several branches with it differ."""
        return False

    def wanders(self, spec: LaneSpec) -> bool:
        """Whether a lane draws noise on its way, so that several branches of it differ."""
        return False

    def numbers(self, sample: Sample) -> Mapping[str, float]:
        """Numbers that the family has of a sample besides scores, by name, such as its weight."""
        return {}

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, float]:
        """Numbers of all samples of a request together, by name; NaN where one is not known."""
        return {}

    def doubts(self, samples: Sequence[Sample]) -> Sequence[str]:
        """What speaks against the samples of a request together, each in a sentence."""
        return ()

    def check_inversion(self, spec: LaneSpec) -> None:
        """Check that a lane like this one can start from the inversion of a given sample."""

    def given_sample(self, card: ModelCard, written: Any, field: str) -> Array:
        """Return a sample that is to be inverted, as a client wrote it, ``[*state_shape]``.

        A family whose models encode samples may return a sample, ``[*shape]``.
        """
        return read_array(written, card.state_shape, field)

    def rewind_obstacle(self, spec: LaneSpec) -> str | None:
        """Why a lane cannot be resumed from one of its steps, as a sentence; ``None`` if it can."""
        return None

    def rungs(self, spec: LaneSpec, foretold_from: float = 1.0) -> tuple[float, ...]:
        """Times at which lanes like this one are compared by their first score.

        ``foretold_from`` says from when on the model foretells it, if it learned to.
        """
        return rungs_from(min(self.scores[spec.scores[0]].foretells, foretold_from))

    def halving_obstacle(self, spec: LaneSpec) -> str | None:
        """Why lanes like this one cannot be compared on the way, as a sentence; ``None`` if not.

        They can be if all reach the same times, see :mod:`sureflow.core.halving`.
        """
        return f"lanes of the family {self.name} cannot be compared on the way"

    def warm_up_lanes(self, card: ModelCard) -> Iterator[LaneSpec]:
        """Short lanes to warm a worker up with, without end; together they use all solvers."""
        return (self.lane(card, index, {}, self.guidance(), self.sampler()) for index in count())


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


def weight_of(spec: LaneSpec, card: ModelCard) -> float:
    """Cost of a row of a lane in rows of the model's default shape: as their components."""
    sized = family_of(spec).sized(card, spec)
    return prod(sized.state_shape) / prod(card.state_shape)
