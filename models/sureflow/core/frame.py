"""A frame: everything a lane needs to continue from one of its steps, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

FORMAT = 2
"""Version of the arrays. The server makes frames of another version again."""

NOTE = "frame"
"""Entry of the file's metadata that holds everything but the arrays, as JSON."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The state of a lane at the beginning of one of its steps.

    A lane restored from a frame gives the same bytes as the lane that it was taken from. A frame
    fits only the model version and the lane that it was taken from.

    Attributes:
        step: Steps completed.
        t: Time reached, in [0, 1].
        arrays: All fields of the lane by name.
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
        # ascontiguousarray turns a scalar into a row, hence the reshape.
        arrays = {k: np.ascontiguousarray(v).reshape(v.shape) for k, v in self.arrays.items()}
        return save(arrays, {NOTE: note})

    @classmethod
    def parse(cls, data: bytes) -> Frame:
        """Read it back.

        Raises:
            ValueError: The bytes are not a frame, or were changed since it was written.
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
        """Checksum of step, time and arrays."""
        digest = blake2b(json.dumps([self.step, self.t]).encode(), digest_size=16)
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def nearest(frames: Iterable[Frame], step: int) -> Frame | None:
    """The latest of these frames at or before a step, if any."""
    return max((f for f in frames if f.step <= step), key=lambda f: f.step, default=None)
