"""Which two components of a vector are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from nicegui import ui

from sureflow_client import Model

from .fields import select

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Axes:
    """Two lists to choose from where there are more than two components.

    Attributes:
        names: Of all components.
    """

    def __init__(self, names: Sequence[str], changed: Callable[[], None]) -> None:
        self.names = [*names]
        options = dict(enumerate(self.names))
        with ui.element("div").classes("pair") as self.box:
            self._across = select(options, "Across", 0, changed)
            self._up = select(options, "Up", min(1, len(options) - 1), changed)
        self.box.set_visibility(len(self.names) > 2)

    @property
    def chosen(self) -> tuple[int, int]:
        """Numbers of the components, to the right and up."""
        return int(self._across.value), int(self._up.value)

    @property
    def titles(self) -> tuple[str, str]:
        """Their names; a single component has nothing above it."""
        across, up = self.chosen
        return self.names[across], self.names[up] if len(self.names) > 1 else ""

    def of(self, array: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the chosen components of vectors ``[..., d]``, ``[..., 2]``; of one, 0 above."""
        vectors = np.asarray(array, dtype=np.float64)
        across, up = self.chosen
        above = vectors[..., up] if vectors.shape[-1] > 1 else np.zeros(vectors.shape[:-1])
        return np.stack([vectors[..., across], above], axis=-1)


def names_of(model: Model | None, size: int) -> list[str]:
    """Return the names of the components of a vector: those of the card, or numbers from 1."""
    known = [] if model is None else [*(model.components or ())]
    if len(known) == size:
        return known
    return [f"x{number}".translate(SUBSCRIPTS) for number in range(1, size + 1)]
