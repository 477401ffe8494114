"""A lane that stands still: everything it needs to go on, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

FORMAT = 2
"""Of the arrays; a frame of another format is made again rather than read."""

NOTE = "frame"
"""Entry of the metadata that holds what is no array."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A trajectory at the beginning of one of its steps.

    Going on from a frame gives the bytes that the trajectory would have had. It fits only the
    model version and the lane that it was taken of.

    Attributes:
        step: Steps completed.
        t: Time reached, in [0, 1].
        arrays: State of the lane by name. ``x [*shape]`` is the state of the flow; the others are
            what solver, step control and scores have gathered, and are nobody else's business.
    """

    step: int
    t: float
    arrays: dict[str, npt.NDArray[np.generic]]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def dump(self) -> bytes:
        """Return it as a safetensors file, with a checksum."""
        note = json.dumps({"format": FORMAT, "step": self.step, "t": self.t, "sum": self._sum()})
        # which makes a row of a number
        whole = {k: np.ascontiguousarray(v).reshape(v.shape) for k, v in self.arrays.items()}
        return save(whole, {NOTE: note})

    @classmethod
    def parse(cls, data: bytes) -> Frame:
        """Read it back.

        Raises:
            ValueError: These are not the bytes of a frame, or no longer those that it had: to go on
                from them would be to go on from somewhere else.
        """
        try:
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            note = json.loads(header["__metadata__"][NOTE])
            frame, known = cls(int(note["step"]), float(note["t"]), load(data)), note["sum"]
            if note.get("format") != FORMAT:
                raise ValueError("it was taken by another version of the software")
        except Exception as error:  # a file can be wrong in many ways
            raise ValueError(f"not a frame: {error}") from error
        if frame._sum() != known:
            raise ValueError("not a frame: its checksum is that of another")
        return frame

    def _sum(self) -> str:
        """What tells it from one that is damaged."""
        digest = blake2b(json.dumps([self.step, self.t]).encode(), digest_size=16)
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def nearest(frames: Iterable[Frame], step: int) -> Frame | None:
    """The latest of these frames that is not later than a step."""
    return max((f for f in frames if f.step <= step), key=lambda f: f.step, default=None)
