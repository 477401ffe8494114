"""What encoders made lately, by a digest of what they made it of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor

MAX_BYTES = 64 << 20


class Encodings:
    """Keeps encodings up to a number of bytes; the least recently used go first.

    An encoding has an array for each thing that is made, by name: of a text one or several
    conditions. It has the same bits whatever rows it was made beside, so samples do not depend on
    what is kept here.

    Attributes:
        nbytes: Bytes of the encodings kept.
    """

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self.limit, self.nbytes = limit, 0
        self._kept: OrderedDict[bytes, Mapping[str, Tensor]] = OrderedDict()

    def get(self, key: bytes) -> Mapping[str, Tensor] | None:
        """The encoding of this key, ``[*shape]``, if it is kept."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, key: bytes, encoding: Mapping[str, Tensor]) -> None:
        """Keep an encoding; one that is larger than the limit is not kept."""
        size = sum(z.nbytes for z in encoding.values())
        if key in self._kept or size > self.limit:
            return
        # A copy, so that it does not keep the rows alive that it was made beside.
        self._kept[key] = {name: z.clone() for name, z in encoding.items()}
        self.nbytes += size
        while self.nbytes > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.nbytes -= sum(z.nbytes for z in oldest.values())
