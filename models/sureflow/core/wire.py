"""The wire of a family: how requests become lanes and samples become answers. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, ClassVar

from sureflow.core.card import ModelCard
from sureflow.core.codec import Codec
from sureflow.core.lane import Array, LaneSpec
from sureflow.core.schema import Schema

Edited = tuple[LaneSpec, list[tuple[int, object]]]
"""The lane of an edit, and its operations, each with its position in the request."""


class NoOptions(Schema):
    """The family has no such options."""


class Wire:
    """The part of a family that the API uses. A subclass overrides what is its own.

    Methods raise :class:`~sureflow.core.invalid_field.InvalidFieldError`, which names the field,
    for a request that the model cannot serve.

    Attributes:
        sampler: Schema of ``sampler`` in requests.
        guidance: Schema of ``guidance`` in requests.
        operation_bodies: Schemas of the entries of ``operations``, by their ``type``.
        samplers: Names of the solvers, for the model's card.
        codec: Encodes samples.
        tensors: Tensors of the Open Inference Protocol that set fields of a request, by name: the
            datatype of the tensor and the path of the field.
        inversion: Sampler of an inversion request that has none; ``None`` where the family cannot
            invert samples.
        rewind_operation: The operation with which the filter action ``rewind`` varies a sample.
        wire_names: Paths of fields of a request, by name of the lane's field, where they differ.
    """

    sampler: ClassVar[type[Schema]] = NoOptions
    guidance: ClassVar[type[Schema]] = NoOptions
    operation_bodies: Mapping[str, type[Schema]] = {}
    samplers: Sequence[str] = ()
    codec: Codec = Codec()
    tensors: Mapping[str, tuple[str, str]] = {}
    inversion: Schema | None = None
    rewind_operation: object | None = None
    wire_names: Mapping[str, str] = {}

    def lane(
        self,
        card: ModelCard,
        seed: int,
        condition: Mapping[str, Any],
        guidance: Any,
        sampler: Any,
    ) -> LaneSpec:
        """Return the first lane of a request, with the fields that are the family's own.

        Args:
            card: Card of the model.
            seed: Seed of the request.
            condition: Conditions as the client wrote them, by name; see
                :mod:`sureflow.core.condition`.
            guidance: An instance of :attr:`guidance`.
            sampler: An instance of :attr:`sampler`.
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

        Args:
            card: Card of the model.
            parent: The lane that is edited.
            sampler: An instance of :attr:`sampler`; ``None`` keeps that of the parent.
            operations: Instances of :attr:`operation_bodies`.
            sample: Reads the sample of the parent ``[*shape]``.
        """
        raise NotImplementedError

    def draws_noise(self, operation: object) -> bool:
        """Whether an operation draws noise, so that several branches with it differ."""
        return False

    def check_inversion(self, spec: LaneSpec) -> None:
        """Check that a lane like this one can start from the inversion of a given sample."""

    def rewind_obstacle(self, spec: LaneSpec) -> str | None:
        """Why a lane cannot be resumed from one of its steps, as a sentence; ``None`` if it can."""
        return None

    def warm_up_lanes(self, card: ModelCard) -> Iterator[LaneSpec]:
        """Short lanes to warm a worker up with, without end; together they use all solvers."""
        return (self.lane(card, index, {}, self.guidance(), self.sampler()) for index in count())
