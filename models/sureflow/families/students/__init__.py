"""Students: samples in one to four evaluations, by a network that was distilled from a teacher.

The network predicts where a trajectory of the teacher ends, from any point of it: a consistency
function ``f(x, t) = x + (1 - t) g(x, t)`` (Song et al., Consistency Models, 2023). Its ``g`` takes
the place of a flow's velocity, so that conditions, guidance, edits and formats are those of flows.
Its own are the numbers of steps that it was made for, the noise drawn anew between the steps, and
scores that need no variance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, cycle
from typing import Any, ClassVar, cast

from sureflow.core.card import ModelCard
from sureflow.core.lane import LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.families.flow import Flow
from sureflow.families.students import setting as settings
from sureflow.families.students.options import StudentOptions
from sureflow.families.students.scores.catalogue import SCORES
from sureflow.families.students.spec import STEPS, StudentSpec


class Students(Flow):
    """The family of students."""

    name = "students"
    spec: ClassVar[type[StudentSpec]] = StudentSpec
    scores = SCORES
    default_score = "self_consistency"
    engine = "sureflow.families.students.engine:StudentEngine"
    sampler = StudentOptions
    samplers = ()
    reference = f"{settings.CONSISTENCY}:4"
    inversion = None

    parse_setting = staticmethod(settings.parse)
    usual = staticmethod(settings.usual)

    def lane(
        self,
        card: ModelCard,
        seed: int,
        condition: Mapping[str, Any],
        guidance: Any,
        sampler: Any,
    ) -> StudentSpec:
        """Return the first lane of a request; by default it has the most steps that there are.

        Raises:
            InvalidFieldError: The model cannot make it.
        """
        usual = max(card.step_counts, default=STEPS)
        chosen = sampler.model_copy(update={"steps": sampler.steps or usual})
        _check_steps(card, chosen)
        return cast(StudentSpec, super().lane(card, seed, condition, guidance, chosen))

    def edit(
        self,
        card: ModelCard,
        parent: LaneSpec,
        sampler: Any,
        operations: Sequence[Any],
        sample: Any,
    ) -> Any:
        """Return the lane that continues from a parent, and its operations.

        Raises:
            InvalidFieldError: The model cannot serve a field of the request.
        """
        if sampler is not None:
            steps = sampler.steps or cast(StudentSpec, parent).steps
            sampler = sampler.model_copy(update={"steps": steps})
            _check_steps(card, sampler)
        return super().edit(card, parent, sampler, operations, sample)

    def sampler_options(self, spec: LaneSpec) -> Mapping[str, Any]:
        """The options of ``sampler`` by which a lane is run, but for its size."""
        return {"steps": cast(StudentSpec, spec).steps}

    def completed(self, given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
        """The options that were given, and the usual ones for those that were left out."""
        return {**usual, **{name: value for name, value in given.items() if value is not None}}

    def usual_score(self, card: ModelCard) -> str:
        """The score of a model whose calibration recommends none: no student has a variance."""
        return self.default_score

    def wanders(self, spec: LaneSpec) -> bool:
        """Whether a lane draws noise between its steps: if there are several."""
        return cast(StudentSpec, spec).steps > 1

    def warm_up_lanes(self, card: ModelCard) -> Iterator[StudentSpec]:
        """Lanes of every number of steps, guided and not, in all sizes in turn."""
        counts = card.step_counts or (1, STEPS)
        whole = super().warm_up_lanes(card)
        for index, steps, lane in zip(count(), cycle(counts), whole, strict=False):
            yield StudentSpec(
                0,
                index,
                condition=lane.condition,
                steps=steps,
                label=lane.label,
                guidance=lane.guidance,
                size=lane.size,
            )


def _check_steps(card: ModelCard, sampler: StudentOptions) -> None:
    if card.step_counts and sampler.steps not in card.step_counts:
        known = ", ".join(map(str, card.step_counts))
        raise InvalidFieldError("sampler.steps", f"{card.name} was made for {known}")


FAMILY = Students()
