"""What encoders made lately, by a digest of what they made it of."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor

MAX_BYTES = 64 << 20


class Encodings:
    """Keeps encodings up to a number of bytes; the least recently used go first.

    An encoding has the same bits whatever rows it was made beside, so samples do not depend on
    what is kept here.

    Attributes:
        nbytes: Bytes of the encodings kept.
    """

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self.limit, self.nbytes = limit, 0
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()

    def get(self, key: bytes) -> Tensor | None:
        """The encoding of this key, ``[*shape]``, if it is kept."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, key: bytes, encoding: Tensor) -> None:
        """Keep an encoding; one that is larger than the limit is not kept."""
        if key in self._kept or encoding.nbytes > self.limit:
            return
        # A copy, so that it does not keep the rows alive that it was made beside.
        self._kept[key] = encoding.clone()
        self.nbytes += encoding.nbytes
        while self.nbytes > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.nbytes -= oldest.nbytes
