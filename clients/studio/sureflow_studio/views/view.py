"""What a view is: samples in cards, in large, and all of them together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, ClassVar, Literal, Protocol

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Model, NotAnImage, Proposed, Sample, Trajectory

from ..canvas import Canvas
from ..pictures import address
from ..run import Open

Shown = Sample | Proposed
Show = Literal["state", "prediction"]

FEW, SEVERAL = 4, 64
"""Numbers that are written of a sample in a card, and elsewhere."""


class Overview(Protocol):
    """All samples of a setting together."""

    def show(self, samples: Sequence[Sample], threshold: float, hide: bool) -> None:
        """Draw those that have come so far; what does not pass is faint, or hidden."""


class Stage:
    """One sample in large, at one time of its trajectory; this one writes down what it is.

    Attributes:
        canvas: The picture on which masks are painted; ``None`` where that cannot be.
        both: Whether states are looked at apart from predictions.
        doubt: What is shown of doubt, in a few words.
    """

    canvas: Canvas | None = None
    both: ClassVar[bool] = False
    doubt: ClassVar[str] = ""

    def legend(self) -> Element | None:
        """Show what its colours of doubt mean, if it has any."""
        return None

    def end(self, sample: Shown) -> None:
        """Show the finished sample, of which no trajectory is known."""
        ui.label(words_of(sample)).classes("mono small stage-words")

    def follow(self, trajectory: Trajectory) -> None:
        """Take in a trajectory; one of its times is shown next."""

    def show(self, place: int, kind: Show, doubt: bool) -> None:
        """Show the trajectory at one time, with the doubt there or without."""


class View:
    """Samples of a model as people look at them; this one shows what data show by themselves.

    Attributes:
        model: Card of the model; ``None`` where it is not served any more.
        options: What requests ask for besides, so that a sample can be shown.
    """

    options: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, model: Model | None) -> None:
        self.model = model

    def card(self, sample: Shown) -> Element:
        """Show a sample that has data in a card."""
        return by_itself(sample)

    def thumbnail(self, sample: Shown) -> Element:
        """Show a sample that has data very small; an icon where it is no picture."""
        return ui.icon("scatter_plot").classes("soft")

    def html(self, sample: Shown) -> str:
        """Return a sample that has data as HTML, for a page without scripts."""
        try:
            return picture(sample)
        except NotAnImage:
            return f"<code>{escape(words_of(sample))}</code>"

    def stage(self, sample: Shown, moved: Callable[[], None]) -> Stage:
        """Make room for such a sample in large; ``moved`` is told when a mask is painted."""
        return Stage()

    def overview(self, open_sample: Open) -> Overview | None:
        """Make room for all samples together; ``None`` if cards show as much."""
        return None

    def review(self, sample: Proposed, others: Sequence[Proposed]) -> None:
        """Show a sample that waits for a verdict, among others that do or did."""
        self.stage(sample, lambda: None).end(sample)


def by_itself(sample: Shown) -> Element:
    """Show what the data are: a picture, a text, a few numbers, the first text among names."""
    try:
        source = address(sample.image())
    except NotAnImage:
        return ui.label(words_of(sample, FEW)).classes("card-point mono")
    return image_of(source)


def image_of(source: str) -> Element:
    """Show a picture in a card, whose name says what there is to say of it."""
    image = ui.element("img").classes("card-picture")
    image.props["src"], image.props["alt"] = source, ""
    return image


def picture(sample: Shown) -> str:
    """Return the picture that a sample is as HTML.

    Raises:
        NotAnImage: It is none.
    """
    return f'<img src="{address(sample.image())}" alt="">'


def words_of(sample: Shown, most: int = SEVERAL) -> str:
    """Return what data are in words: a text as it is, so many numbers, names with what they name.

    In a few words of data with names, the first text among them.
    """
    data = sample.data
    if isinstance(data, dict):
        text = next((each for each in data.values() if isinstance(each, str)), ", ".join(data))
        return text if most <= FEW else json.dumps(data)
    if isinstance(data, str) and sample.media_type in TEXTS:
        return data
    numbers = sample.array().ravel()
    more = ", …" if len(numbers) > most else ""
    return ", ".join(f"{number:.4g}" for number in numbers[:most].tolist()) + more


TEXTS = ("chemical/x-daylight-smiles", "text/plain; charset=utf-8")
"""Media types of samples that are texts."""
