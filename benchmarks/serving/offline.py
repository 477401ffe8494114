"""The library's offline loop over the mix: the capacity, and the truth for every answer."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.serving.mix import Request
from sureflow.families.flow import FAMILY
from sureflow.model import Model
from sureflow.sampling.sample import run


@dataclass(frozen=True)
class Offline:
    """What the offline loop made of the mix, and how fast.

    Attributes:
        images: By seed of the request, its samples as our server writes them: base64 PNG.
        arrays: The samples themselves ``[n, *shape]``.
        rows: By seed of the request, its network evaluations.
        seconds: Wall time.
    """

    images: dict[int, list[str]]
    arrays: dict[int, npt.NDArray[np.float32]]
    rows: dict[int, int]
    seconds: float

    @property
    def capacity(self) -> float:
        """Requests per second."""
        return len(self.images) / self.seconds

    @property
    def row_s(self) -> float:
        """Seconds per row."""
        return self.seconds / sum(self.rows.values())


def measure(model: Model, requests: Sequence[Request], lanes: int) -> Offline:
    """Run every lane of the requests, ``lanes`` at once, new ones entering as others finish."""
    run(model, requests[0].specs(), lanes)
    specs = [spec for request in requests for spec in request.specs()]
    start = time.perf_counter()
    samples = run(model, specs, lanes)
    seconds = time.perf_counter() - start
    images: dict[int, list[str]] = {request.seed: [] for request in requests}
    arrays: dict[int, list[npt.NDArray[np.float32]]] = {request.seed: [] for request in requests}
    rows = dict.fromkeys(images, 0)
    for sample in samples:
        images[sample.spec.seed].append(FAMILY.codec.encode(sample.data, "png"))
        arrays[sample.spec.seed].append(sample.data)
        rows[sample.spec.seed] += sample.evaluations
    return Offline(images, {seed: np.stack(a) for seed, a in arrays.items()}, rows, seconds)


def decoded(data: str) -> bytes:
    """The bytes of a float32 array that travelled as a base64 ``.npy`` file, without its header."""
    raw = base64.b64decode(data)
    version_1_header = 10 + int.from_bytes(raw[8:10], "little")
    return raw[version_1_header:]
