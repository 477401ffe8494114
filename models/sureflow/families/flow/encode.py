"""Encoding: the phase in which the text of a lane becomes the condition of its velocity."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.process import Query, Reply
from sureflow.core.transfer import to_host
from sureflow.families.flow.embeddings import Embeddings
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.process import ENCODER, FlowProcess

Tokens = npt.NDArray[np.int64]


class Encode(FlowProcess):
    """Asks for the embeddings of the texts of lanes, each text once.

    Encodings do not count as evaluations, since what is kept from earlier lanes costs nothing and a
    record must not depend on it.

    Args:
        lanes: The lanes.
        embeddings: Embeddings made lately.
    """

    def __init__(self, lanes: FlowLanes, embeddings: Embeddings) -> None:
        super().__init__(lanes)
        self._embeddings = embeddings
        # A model has one encoder.
        texts = [name for name, condition in lanes.conditions.items() if condition.prompt]
        self._name = texts[0] if texts else None
        prompt = lanes.conditions[self._name].prompt if self._name else None
        null = None if prompt is None else prompt.null
        self._null: Tokens | None = None if null is None else np.array(null, np.int64)
        self._asked: list[Tokens] = []

    def needs(self, slot: int) -> bool:
        """Whether a lane needs an encoding; one that was made lately is used at once."""
        return self._name is not None and not self._give(slot, self._embeddings.get)

    def ask(self, slots: Slots) -> list[Query]:
        """The texts of these lanes, each once."""
        texts = {text.tobytes(): text for slot in slots.tolist() for text in self._texts(slot)}
        # Another lane may come to its condition before the reply does.
        self._asked = [*texts.values()]
        rows = torch.from_numpy(np.stack(self._asked))
        return [Query(ENCODER, {"tokens": rows.to(self.lanes.device)})]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Give each lane its condition; every lane is done."""
        rows = replies[0]["embedding"]
        finite = to_host(rows.isfinite().flatten(1).all(1))
        made = {text.tobytes(): row for text, row in zip(self._asked, rows, strict=True)}
        broken = {
            text.tobytes() for text, fine in zip(self._asked, finite, strict=True) if not fine
        }
        diverged = np.zeros(len(slots), np.bool_)
        for lane, slot in enumerate(slots.tolist()):
            diverged[lane] = any(text.tobytes() in broken for text in self._texts(slot))
            self._give(slot, lambda text: made.get(text.tobytes()))
        for text in self._asked:
            if text.tobytes() not in broken:
                self._embeddings.put(text, made[text.tobytes()])
        return np.ones(len(slots), np.bool_), diverged

    def _texts(self, slot: int) -> list[Tokens]:
        """The texts that a lane needs."""
        return [text for text, _ in self._places(slot)]

    def _places(self, slot: int) -> Iterator[tuple[Tokens, Tensor]]:
        """The texts that a lane needs, and where their embeddings go.

        They are its own, the one that guidance leads away from, and the one that stands for none.
        """
        name, lanes = self._name, self.lanes
        assert name is not None
        spec = lanes.specs[slot]
        own = lanes.tokens_of(spec.condition, name)
        if own is not None:
            yield own, lanes.condition_arrays[name][slot]
        negative = lanes.tokens_of(spec.negative, name) if name in spec.negative else None
        if negative is not None:
            yield negative, lanes.negatives[slot][name]
        if self._null is not None:
            yield self._null, lanes.nulls[name]

    def _give(self, slot: int, find: Callable[[Tokens], Tensor | None]) -> bool:
        """Give a lane the embeddings of its texts; False if one is not found."""
        for text, place in self._places(slot):
            embedding = find(text)
            if embedding is None:
                return False
            place.copy_(embedding)
        return True
