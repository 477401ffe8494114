"""What a family says of the requests and the answers of its models: free of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, ClassVar

from sureflow.core.card import ModelCard
from sureflow.core.codec import Codec
from sureflow.core.lane import Array, LaneSpec
from sureflow.core.schema import Schema

Edited = tuple[LaneSpec, list[tuple[int, object]]]
"""A lane that goes on from another, and its operations by their place in the request."""


class NoOptions(Schema):
    """There is nothing to choose."""


class Wire:
    """The part of a family that the API reads. A subclass says what is different.

    A method that finds that a request cannot be served raises
    :class:`~sureflow.core.invalid_field.InvalidFieldError`, which names the field.

    Attributes:
        sampler: What ``sampler`` of a request may say.
        guidance: What ``guidance`` of a request may say.
        operation_bodies: What each of ``operations`` may say, by its ``type``.
        samplers: Names of the solvers, for the model's card.
        codec: How samples travel.
        tensors: Fields of a request that a tensor of the Open Inference Protocol may fill in, by
            the name of the tensor: its datatype, and the path of the field.
        inversion: The sampler of an inversion that names none; ``None`` where samples cannot be
            inverted.
        redraw: The operation that draws a lane's noise anew, by which lanes are rewound.
        wire_names: Paths of the fields of a request by the name that lanes have for them, where
            the two differ.
    """

    sampler: ClassVar[type[Schema]] = NoOptions
    guidance: ClassVar[type[Schema]] = NoOptions
    operation_bodies: Mapping[str, type[Schema]] = {}
    samplers: Sequence[str] = ()
    codec: Codec = Codec()
    tensors: Mapping[str, tuple[str, str]] = {}
    inversion: Schema | None = None
    redraw: object | None = None
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
            card: The model.
            seed: Of the request.
            condition: What was written, by name; see :mod:`sureflow.core.condition`.
            guidance: A :attr:`guidance`.
            sampler: A :attr:`sampler`.
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
        """Return the lane that goes on from a parent where an edit takes it up.

        Args:
            card: The model.
            parent: The lane that is edited.
            sampler: A :attr:`sampler`; ``None`` goes on as the parent does.
            operations: Some of :attr:`operation_bodies`.
            sample: Reads the sample of the parent ``[*shape]``.
        """
        raise NotImplementedError

    def random(self, operation: object) -> bool:
        """Whether an operation has noise of its own, so that branches by it differ."""
        return False

    def check_inversion(self, spec: LaneSpec) -> None:
        """Make sure that such a lane can begin at a given sample, from which it is taken back."""

    def unrewindable(self, spec: LaneSpec) -> str | None:
        """Why such a lane cannot be taken up again, as a sentence; ``None`` if it can."""
        return None

    def examples(self, card: ModelCard) -> Iterator[LaneSpec]:
        """Short lanes to warm up with, without end; together they use all that lanes may use."""
        return (self.lane(card, index, {}, self.guidance(), self.sampler()) for index in count())
