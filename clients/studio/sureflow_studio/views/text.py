"""Texts: their tokens, coloured by how sure the model was, and how they appear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from nicegui import ui
from nicegui.element import Element

from sureflow_client import MissingData, Sample, Trajectory

from .. import legend
from ..pictures import Floats
from ..tokens import Codes, drawn_from, strip, sureness
from .view import Show, Shown, Stage, View


class TextStage(Stage):
    """The tokens at a time: those that are known, and what is likely for the others."""

    both: ClassVar[bool] = True
    doubt: ClassVar[str] = "Unsure tokens"

    def __init__(self) -> None:
        self.line = ui.html("", sanitize=False).classes("stage-tokens")

    def legend(self) -> Element:
        """Show the scale of confidence."""
        return legend.scale()

    def end(self, sample: Shown) -> None:
        """Show the finished sequence."""
        self.line.content = strip(codes_of(sample), sure_of(sample))

    def follow(self, trajectory: Trajectory) -> None:
        """Take in a trajectory."""
        self.states = trajectory.states()
        self.likely = trajectory.predictions().astype(np.int64)
        self.maps = trajectory.maps()
        self.drawn = drawn_from(self.states, self.maps)

    def show(self, place: int, kind: Show, doubt: bool) -> None:
        """Show one time: of predictions, what is likely for tokens that are not known."""
        codes = self.states[place].astype(np.int64)
        likely = self.likely[place] if kind == "prediction" else None
        self.line.content = strip(codes, self.sure(place) if doubt else None, likely)

    def sure(self, place: int) -> Floats:
        """How sure tokens are: as what is open there says, or what they were drawn from."""
        last = place == len(self.states) - 1
        now = self.maps[place]
        return sureness(self.drawn if last else np.where(now > 0, now, self.drawn))


class TextView(View):
    """Sequences of characters."""

    options: ClassVar[Mapping[str, Any]] = {"map": True}

    def card(self, sample: Shown) -> Element:
        """Show the tokens."""
        line = strip(codes_of(sample), sure_of(sample))
        return ui.html(line, sanitize=False).classes("card-text")

    def html(self, sample: Shown) -> str:
        """Return the tokens as HTML."""
        return strip(codes_of(sample), sure_of(sample))

    def stage(self, sample: Shown, moved: Callable[[], None]) -> Stage:
        """Make room for a line of tokens."""
        return TextStage()


def codes_of(sample: Shown) -> Codes:
    """Return the code points of a sequence."""
    return sample.array().astype(np.int64)


def sure_of(sample: Shown) -> Floats | None:
    """Return how sure the tokens of a finished sample are, where its map is there."""
    if not isinstance(sample, Sample):
        return None
    try:
        entropy = sample.map_array()
    except MissingData:
        return None
    return sureness(entropy) if entropy.shape == sample.shape else None
