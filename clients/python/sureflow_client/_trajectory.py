"""A trajectory, looked at."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image
from pydantic import Field

from ._decode import NPY, Array, Encoded, array_image, decode_array
from ._exceptions import MissingData
from ._html import strip_html
from ._sheet import film_strip
from ._wire import Wire

Show = Literal["state", "prediction", "map"]


class View(Wire):
    """What there is to see of a trajectory at the beginning of a step, encoded as it came."""

    step: int
    """The step, from 0; the number of steps for the finished sample."""

    t: float
    """Flow time in [0, 1]; 0 is noise, 1 is the finished sample."""

    rate: float | None
    """Predicted variance of the velocity there, summed over components, in squared data units per
    unit time."""

    uncertainty: float | None
    """Integral of the rate up to there."""

    state: Encoded | None = Field(default=None, repr=False)
    """The state of the flow; read it by `Trajectory.states`."""

    prediction: Encoded | None = Field(default=None, repr=False)
    """Where the flow would end by its present velocity; read it by `Trajectory.predictions`."""

    map: str | list[Any] | None = Field(default=None, repr=False)
    """Variance of the final sample, per component; read it by `Trajectory.maps`."""


class Trajectory(Wire):
    """The way of one sample from noise to data, at the times that were asked for.

    All arrays are in the order of the views, which is that of time.
    """

    handle: str
    """Name of the handle."""

    media_type: str
    """How states and predictions are encoded."""

    shape: tuple[int, ...]
    """Shape of one sample."""

    views: tuple[View, ...]
    """What there is to see, ascending in time."""

    evaluations: int
    """Network evaluations that it cost to make again what was not kept."""

    replay: str | None = None
    """``approximate`` where it was made on other kernels, so that what was not kept is nearly as it
    was, not bit for bit; ``None`` otherwise."""

    @property
    def t(self) -> npt.NDArray[np.float64]:
        """Time of each view ``[n]``; 0 is noise, 1 is the finished sample."""
        return np.array([view.t for view in self.views], dtype=np.float64)

    @property
    def rate(self) -> npt.NDArray[np.float64]:
        """Uncertainty rate at each view ``[n]``; NaN where unknown, as at the end."""
        return np.array([view.rate for view in self.views], dtype=np.float64)

    @property
    def uncertainty(self) -> npt.NDArray[np.float64]:
        """Integral of the rate up to each view ``[n]``; NaN where unknown."""
        return np.array([view.uncertainty for view in self.views], dtype=np.float64)

    def states(self) -> Array:
        """Return the states of the flow, float32 ``[n, *shape]``; noise at ``t = 0``."""
        return self._arrays("state", self.media_type)

    def predictions(self) -> Array:
        """Return where the flow would end by its velocity at each view, float32 ``[n, *shape]``."""
        return self._arrays("prediction", self.media_type)

    def maps(self) -> Array:
        """Return the variance of the final sample given each state, float32.

        ``[n, *shape]``, or, where samples are another form of states, of the shape of a state.
        """
        return self._arrays("map", NPY)

    def images(self, show: Show = "prediction") -> list[PIL.Image.Image]:
        """Return what there is to see as 8-bit images.

        Maps are grey levels, white being the largest value of the trajectory.

        Raises:
            MissingData: It was not asked for.
            NotAnImage: The model does not make images.
        """
        if show == "map":
            maps = self.maps().sum(axis=1, keepdims=True) if len(self.shape) == 3 else self.maps()
            return [array_image(2 * one / (maps.max() or 1) - 1) for one in maps]
        return [array_image(one) for one in self._arrays(show, self.media_type)]

    def strip(self) -> PIL.Image.Image:
        """Return a film strip: a row for each kind of view, a column for each time.

        Raises:
            NotAnImage: The model does not make images, or there is no view.
        """
        kinds = [kind for kind in _KINDS if any(self._encoded(kind))]
        rows = [(kind, self.images(kind)) for kind in kinds]
        return film_strip(rows, [f"{t:.2f}" for t in self.t])

    def _arrays(self, kind: Show, media_type: str) -> Array:
        encoded = self._encoded(kind)
        arrays = []
        for view, data in zip(self.views, encoded, strict=True):
            if data is None:
                raise MissingData(f"no {kind} at t = {view.t}; was it asked for by show=?")
            shape = None if kind == "map" else self.shape
            arrays.append(decode_array(data, media_type, shape))
        return np.stack(arrays) if arrays else np.empty((0, *self.shape), dtype=np.float32)

    def _encoded(self, kind: Show) -> list[Encoded | None]:
        return [getattr(view, kind) for view in self.views]

    def __len__(self) -> int:
        return len(self.views)

    def _repr_html_(self) -> str:
        image = self.strip() if len(self.shape) == 3 and self.views else None
        return strip_html(image, self.t.tolist(), self.rate.tolist())


_KINDS: tuple[Show, ...] = ("state", "prediction", "map")
