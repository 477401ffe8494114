"""Embeddings that an encoder made lately, by the tokens of their texts."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import numpy.typing as npt
from torch import Tensor

MAX_BYTES = 64 << 20


class Embeddings:
    """Keeps embeddings up to a number of bytes; the least recently used go first.

    An embedding has the same bits whatever rows it was made beside, so samples do not depend on
    what is kept here.

    Attributes:
        nbytes: Bytes of the embeddings kept.
    """

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self.limit, self.nbytes = limit, 0
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()

    def get(self, tokens: npt.NDArray[np.int64]) -> Tensor | None:
        """The embedding of a text, ``[*shape]``, if it is kept."""
        key = tokens.tobytes()
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, tokens: npt.NDArray[np.int64], embedding: Tensor) -> None:
        """Keep the embedding of a text; one that is larger than the limit is not kept."""
        key = tokens.tobytes()
        if key in self._kept or embedding.nbytes > self.limit:
            return
        # A copy, so that it does not keep the rows alive that it was made beside.
        self._kept[key] = embedding.clone()
        self.nbytes += embedding.nbytes
        while self.nbytes > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.nbytes -= oldest.nbytes
