"""An index of training data: which of them is a sample nearest to, and is it a copy?

The ratio of the distances to the nearest and to the second nearest training sample is near 1 for a
sample between many and near 0 for a copy of one; below a third it counts as copied (Yoon et al.,
Diffusion Probabilistic Models Generalize when They Fail to Memorize, 2023).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sureflow.core.arrays import Floats
from sureflow.core.provenance import SETTINGS, noted
from sureflow.file_kind import no_safetensors
from sureflow.regular_file import check_regular

INDEX = "index.safetensors"
"""Name of the file in a checkpoint folder."""

COPIED = 1 / 3
"""A sample below this novelty counts as copied."""

CANDIDATES = 8
"""How many are looked at exactly: distances of all are first estimated in float32."""

MOST_BYTES = 1 << 30
"""Largest file."""

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The training sample nearest to a sample.

    Attributes:
        novelty: Distance to it over the distance to the second nearest, in [0, 1]; lower is more
            like a copy.
        number: Its number in the data of which the index was made.
        distance: Distance to it, in data units, or units of the components.
    """

    novelty: float
    number: int
    distance: float


class TrainingIndex:
    """Training samples, by pixels or by their principal components, without exact duplicates.

    Args:
        shape: Shape of a sample.
        points: The samples, flat, or their components, ``[n, d]``, n >= 2.
        numbers: Their numbers in the data, ``[n]``.
        settings: What was indexed, and how.
        mean: Of the flat samples, ``[size]``; only with ``axes``.
        axes: Principal axes, orthonormal, ``[d, size]``; ``None`` compares pixels.

    Raises:
        ValueError: They do not fit together.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        points: Vectors,
        numbers: npt.NDArray[np.int64],
        settings: Mapping[str, Any],
        mean: Vectors | None = None,
        axes: Vectors | None = None,
    ) -> None:
        size = int(np.prod(shape))
        width = size if axes is None else len(axes)
        if points.ndim != 2 or points.shape[1] != width or len(points) != len(numbers):
            raise ValueError(f"points {points.shape} are no {len(numbers)} of {width} numbers")
        if len(points) < 2:
            raise ValueError("needs two different samples at least")
        if axes is not None and (axes.shape[1] != size or mean is None or mean.shape != (size,)):
            raise ValueError(f"axes {axes.shape} are not for samples of {size} numbers")
        self.shape, self.settings = shape, dict(settings)
        self._points, self._numbers, self._mean, self._axes = points, numbers, mean, axes
        self._squares = np.einsum("nd,nd->n", points, points)

    def __len__(self) -> int:
        return len(self._points)

    @classmethod
    def of(
        cls,
        samples: Vectors,
        components: int | None = None,
        description: str = "",
        begin: int = 0,
    ) -> TrainingIndex:
        """Index samples ``[N, *shape]``.

        Args:
            samples: In the units of the model's samples. Of exact duplicates the first is kept: a
                copy of two of them would be as near to the second as to the first.
            components: How many principal components are compared; ``None``: all pixels.
            description: What they are.
            begin: Number of the first one in the data.

        Raises:
            ValueError: There are fewer than two different ones, or not so many components.
        """
        flat = np.ascontiguousarray(samples.reshape(len(samples), -1), np.float32)
        _, first = np.unique(flat, axis=0, return_index=True)
        numbers = np.sort(first).astype(np.int64)
        flat = flat[numbers]
        settings = {"data": description, "samples": len(flat), "components": components}
        if components is None:
            return cls(samples.shape[1:], flat, numbers + begin, settings)
        if not 1 <= components <= min(flat.shape):
            raise ValueError(f"components: {components} of {min(flat.shape)}")
        mean = flat.mean(0)
        centred = flat - mean
        _, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
        chosen = np.ascontiguousarray(axes[:, ::-1][:, :components].T, np.float32)
        points = centred @ chosen.T
        return cls(samples.shape[1:], points, numbers + begin, settings, mean, chosen)

    def find(self, sample: npt.NDArray[np.generic]) -> Neighbour:
        """The training sample nearest to a sample ``[*shape]``, by itself: none beside it counts.

        Raises:
            ValueError: It has another shape.
        """
        if sample.shape != self.shape:
            raise ValueError(f"sample: has shape {sample.shape}, not {self.shape}")
        x = np.asarray(sample, np.float32).reshape(-1)
        if self._axes is not None and self._mean is not None:
            x = self._axes @ (x - self._mean)
        estimates = self._squares - 2 * (self._points @ x)
        count = min(CANDIDATES, len(estimates))
        near = np.sort(np.argpartition(estimates, count - 1)[:count])
        apart: Floats = self._points[near].astype(np.float64) - x
        distances = np.sqrt(np.square(apart).sum(1))
        first, second = np.argsort(distances, kind="stable")[:2]
        ratio = float(distances[first] / distances[second]) if distances[second] else 1.0
        return Neighbour(ratio, int(self._numbers[near[first]]), float(distances[first]))

    def save(self, path: Path) -> None:
        """Write the index into a checkpoint folder."""
        tensors: dict[str, npt.NDArray[Any]] = {}
        tensors |= {"points": self._points, "numbers": self._numbers}
        if self._axes is not None and self._mean is not None:
            tensors |= {"mean": self._mean, "axes": self._axes}
        settings = {**self.settings, "shape": list(self.shape)}
        save_file(tensors, path, metadata={SETTINGS: json.dumps(settings)})
        path.chmod(0o644)

    @classmethod
    def load(cls, path: Path) -> TrainingIndex:
        """Read an index.

        Raises:
            ValueError: The file cannot be read, or holds something else.
        """
        try:
            check_regular(path)
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"larger than {MOST_BYTES} bytes")
            with safe_open(path, "np") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                settings = noted(file.metadata())
        except (SafetensorError, OSError) as error:
            raise ValueError(no_safetensors(path, error)) from error
        _check(tensors)
        shape = settings.pop("shape", None)
        if not isinstance(shape, list) or not all(isinstance(z, int) and z > 0 for z in shape):
            raise ValueError("does not say the shape of a sample")
        mean, axes = tensors.get("mean"), tensors.get("axes")
        return cls(tuple(shape), tensors["points"], tensors["numbers"], settings, mean, axes)


def _check(tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    """Check names and types of the tensors of a file."""
    if tensors.keys() not in ({"points", "numbers"}, {"points", "numbers", "mean", "axes"}):
        raise ValueError(f"holds {sorted(tensors)}, not points and numbers")
    for name, tensor in tensors.items():
        wanted = np.int64 if name == "numbers" else np.float32
        if tensor.dtype != wanted or not np.isfinite(tensor).all():
            raise ValueError(f"tensor {name} is not of finite {np.dtype(wanted).name}")
