"""A sample that waits for a verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from sureflow_client import NotAnImage, Proposed

from .charts import GREY, PURPLE, axis, base, draw, points, upright
from .pictures import address
from .scatter import square

COMPONENTS = 12
"""Numbers that are shown of a vector."""


class ProposedView:
    """Shows a sample without saying how sure the model is of it."""

    def __init__(self) -> None:
        self.label = ui.label().classes("panel-title")
        self.picture = ui.element("img").classes("review-picture")
        self.plane = ui.echart(base(), renderer="svg").classes("chart square review-plane")
        self.plane.props('role="img" aria-label="The sample among others"')
        self.numbers = ui.label().classes("mono")

    def say(self, words: str) -> None:
        """Say why there is no sample."""
        self.label.text = words
        self.picture.set_visibility(False)
        self.plane.set_visibility(False)
        self.numbers.text = ""

    def show(self, sample: Proposed, others: Sequence[Proposed]) -> None:
        """Show a sample: an image, numbers, and a point of the plane among the others."""
        self.say(sample.label or "Good or bad?")
        if isinstance(sample.data, dict):
            self.numbers.text = json.dumps(sample.data)
            return
        try:
            self.picture.props["src"] = address(sample.image())
            self.picture.props["alt"] = f"Sample {sample.draw}"
            self.picture.set_visibility(True)
        except NotAnImage:
            values = sample.array().ravel()[:COMPONENTS].tolist()
            self.numbers.text = ", ".join(f"{value:.4g}" for value in values)
            if sample.shape == (2,):
                draw(self.plane, among(sample, others))
                self.plane.set_visibility(True)


def among(sample: Proposed, others: Sequence[Proposed]) -> dict[str, Any]:
    """Return a point of the plane among others, as a chart."""
    known = [one.array() for one in others]
    (left, right), (low, high) = square([sample.array(), *known])
    grey = points("others", [one.tolist() for one in known], GREY)
    return base(
        xAxis=axis("x₁", left, right),
        yAxis=upright("x₂", low, high),
        series=[{**grey, "symbolSize": 5}, points("this one", [sample.array().tolist()], PURPLE)],
    )
