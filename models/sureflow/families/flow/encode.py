"""Encoding: the phases in which encoders make of an array what a lane goes on with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.lane import Array
from sureflow.core.process import Bucket, Query, Reply
from sureflow.core.transfer import to_host
from sureflow.families.flow.encodings import Encodings
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.process import ENCODER, SAMPLE_ENCODER, FlowProcess

Tokens = npt.NDArray[np.int64]

Places = Iterable[tuple[npt.NDArray[np.generic], Mapping[str, Tensor]]]
"""Arrays that are to be encoded, each with the tensors that what is made of it goes to, by name."""


class Encode(FlowProcess):
    """Asks an encoder for the encodings of arrays of lanes, each array once.

    Encodings do not count as evaluations, since what is kept from earlier lanes costs nothing and a
    record must not depend on it.

    Args:
        lanes: The lanes.
        encodings: What was encoded lately.

    Attributes:
        head: Name of the head that encodes.
        given: Name of its input.
    """

    head: ClassVar[str]
    given: ClassVar[str]

    def __init__(self, lanes: FlowLanes, encodings: Encodings) -> None:
        super().__init__(lanes)
        self._encodings = encodings
        self._asked: dict[bytes, npt.NDArray[np.generic]] = {}

    @property
    def bucket(self) -> Bucket:
        """The bucket of its rows: that of all sizes, unless they have the shapes of samples."""
        return ()

    @abstractmethod
    def places(self, slot: int) -> Places:
        """The arrays of a lane that are encoded in this phase."""

    def lacks(self, slot: int) -> bool:
        """Whether a lane lacks an encoding; one that was made lately is used at once."""
        return not self._give(slot, self._encodings.get)

    def ask(self, slots: Slots) -> list[Query]:
        """The arrays of these lanes, each once."""
        # Kept, since another lane may come to its array before the reply does.
        self._asked = {
            self._key(array): array for slot in slots.tolist() for array, _ in self.places(slot)
        }
        rows = torch.from_numpy(np.stack([*self._asked.values()]))
        return [Query(self.head, {self.given: rows.to(self.lanes.device)}, self.bucket)]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Give each lane its encodings; every lane is done."""
        rows, keys = replies[0], [*self._asked]
        made = {key: {name: z[row] for name, z in rows.items()} for row, key in enumerate(keys)}
        fine = torch.stack([z.isfinite().flatten(1).all(1) for z in rows.values()]).all(0)
        finite = dict(zip(keys, to_host(fine), strict=True))
        diverged = np.zeros(len(slots), np.bool_)
        for lane, slot in enumerate(slots.tolist()):
            diverged[lane] = not all(finite[self._key(array)] for array, _ in self.places(slot))
            self._give(slot, made.get)
        for key, encoding in made.items():
            if finite[key]:
                self._encodings.put(key, encoding)
        return np.ones(len(slots), np.bool_), diverged

    def _key(self, array: npt.NDArray[np.generic]) -> bytes:
        """By which the encoding of an array is kept, among those of other encoders too."""
        key = blake2b(array.tobytes(), digest_size=32, person=self.head.encode())
        key.update(str(array.shape).encode())
        return key.digest()

    def _give(self, slot: int, find: Callable[[bytes], Mapping[str, Tensor] | None]) -> bool:
        """Give a lane its encodings; False if one is not found."""
        for array, places in self.places(slot):
            encoding = find(self._key(array))
            if encoding is None:
                return False
            for name, place in places.items():
                place.copy_(encoding[name])
        return True


class EncodeText(Encode):
    """Encodes the text of a lane, which becomes a condition of its velocity, or several."""

    head, given = ENCODER, "tokens"

    def __init__(self, lanes: FlowLanes, encodings: Encodings) -> None:
        super().__init__(lanes, encodings)
        # A model has one encoder.
        texts = [name for name, condition in lanes.given.conditions.items() if condition.prompt]
        self._name = texts[0] if texts else None
        prompt = lanes.given.conditions[self._name].prompt if self._name else None
        null = None if prompt is None else prompt.null
        self._null: Tokens | None = None if null is None else np.array(null, np.int64)

    def needs(self, slot: int) -> bool:
        """Whether a lane needs an encoding."""
        return self._name is not None and self.lacks(slot)

    def places(self, slot: int) -> Iterator[tuple[Tokens, dict[str, Tensor]]]:
        """The texts that a lane needs, and where their embeddings go, by condition.

        They are its own, the one that guidance leads away from, and the one that stands for none.
        """
        name, given = self._name, self.lanes.given
        assert name is not None
        spec = self.lanes.specs[slot]
        own = given.tokens_of(spec.condition, name)
        if own is not None:
            made = given.made_with(name, spec.condition)
            yield own, {each: given.arrays[each][slot] for each in made}
        negative = given.tokens_of(spec.negative, name) if name in spec.negative else None
        if negative is not None:
            made = given.made_with(name, spec.negative)
            yield negative, {each: given.negatives[slot][each] for each in made}
        if self._null is not None:
            yield self._null, {each: given.nulls[each] for each in given.made_with(name, {})}


class EncodeSample(Encode):
    """Encodes a given sample of a latent model, such as one that is to be inverted.

    What is given has the ``encoded`` shape of a sample, or is a latent already.
    """

    head, given = SAMPLE_ENCODER, "sample"

    def __init__(
        self, lanes: FlowLanes, encodings: Encodings, encoded: tuple[int, ...] | None
    ) -> None:
        super().__init__(lanes, encodings)
        self._encoded = encoded
        self._of: dict[int, tuple[Array, Tensor]] = {}

    @property
    def bucket(self) -> Bucket:
        """That of the lanes."""
        return self.lanes.bucket

    def needs(self, slot: int, values: Array) -> bool:
        """Prepare a lane; returns whether these values have to be encoded for it."""
        if values.shape != self._encoded:
            self._of[slot] = values, torch.tensor(values)
            return False
        self._of[slot] = values, torch.empty(self.lanes.shape, device=self.lanes.device)
        return self.lacks(slot)

    def places(self, slot: int) -> Places:
        """The sample of a lane, and where its latent goes."""
        values, place = self._of[slot]
        return [(values, {"latent": place})]

    def latent(self, slot: int) -> Array:
        """The latent of what a lane was prepared for, ``[*state_shape]``."""
        return self._of.pop(slot)[1].cpu().numpy()

    def release(self, slot: int) -> None:
        """Forget the lane."""
        self._of.pop(slot, None)
