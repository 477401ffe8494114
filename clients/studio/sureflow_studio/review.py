"""Looking at samples one by one, a key for each, while the certified curve grows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.events import KeyEventArguments

from sureflow_client import NotAnImage, Proposed, Review, SureflowError, Verdict

from .charts import GREY, base, bounded, draw, points
from .errors import Notice
from .keyboard import name
from .pictures import address
from .session import Session

BATCH = 24
"""Samples that are asked for at a time."""

FEW = 6
"""Samples left from which on more are asked for."""

RATE = 0.02
"""The bad rate that is to be certified, at first."""

KEYS: dict[str, Verdict] = {"g": "good", "b": "bad"}
UNDO = "u"
COMPONENTS = 12
"""Numbers that are shown of a vector."""


class ReviewPanel:
    """Samples that wait for a verdict, how many have one, and what follows.

    Args:
        session: The visitor's.
        notice: Where errors are shown.
        on_close: Called when the visitor has enough.
    """

    def __init__(self, session: Session, notice: Notice, on_close: Callable[[], object]) -> None:
        self._session, self._notice, self._on_close = session, notice, on_close
        self._waiting: deque[Proposed] = deque()
        self._seen: set[str] = set()
        self._done: list[Proposed] = []
        self._order = asyncio.Lock()
        self._asking: str | None = None
        with ui.element("section").classes("review").props('aria-label="Review"') as self.box:
            self._build()
        self._keys = ui.keyboard(self._pressed, active=False, ignore=["input", "textarea"])
        self.box.set_visibility(False)

    def _build(self) -> None:
        with ui.element("div").classes("panel review-sample"):
            names = [*self._session.models]
            self.model = ui.select(names, value=self._session.default.name, label="Model")
            self.model.on_value_change(self._begin)
            self.label = ui.label().classes("panel-title")
            self.picture = ui.image().classes("review-picture").props("no-spinner")
            self.numbers = ui.label().classes("mono")
            with ui.element("div").classes("review-buttons"):
                for key, verdict in KEYS.items():
                    words = f"{str(verdict).capitalize()} ({key.upper()})"
                    ui.button(words, on_click=lambda verdict=verdict: self._give(verdict))
                ui.button("Undo (U)", on_click=self._undo).props("outline")
                ui.button("Close", on_click=self._on_close).props("flat")
        with ui.element("div").classes("panel"):
            self.said = ui.label().classes("review-said").props('aria-live="polite"')
            self.rate = ui.number("Bad rate", value=RATE, min=0.001, max=0.9, step=0.01)
            self.rate.on_value_change(self._tell)
            self.chart = ui.echart(base(), renderer="svg").classes("chart")
            self.chart.props('role="img" aria-label="Bad rate certified by these verdicts"')
            self.note = ui.label().classes("soft small review-note")
            self.replace = ui.checkbox("Even if the one in service promises more")
            self.certify = ui.button("Have filters go by it", on_click=self._certify)

    async def show(self) -> None:
        """Go on with the review of the model that is chosen."""
        self.box.set_visibility(True)
        self._keys.active = True
        await self._begin()

    def hide(self) -> None:
        """Leave; every verdict has been kept."""
        self.box.set_visibility(False)
        self._keys.active = False

    @property
    def visible(self) -> bool:
        """Whether it is on show."""
        return bool(self.box.visible)

    async def _begin(self) -> None:
        self._waiting.clear()
        self._seen.clear()
        self._done.clear()
        self._look()
        await self._more()
        await self._tell()

    async def _pressed(self, event: KeyEventArguments) -> None:
        modified = event.modifiers.ctrl or event.modifiers.alt or event.modifiers.meta
        key = event.key.name.lower()
        if not event.action.keydown or event.action.repeat or modified:
            return
        if key in KEYS:
            await self._give(KEYS[key])
        elif key == UNDO:
            await self._undo()

    async def _give(self, verdict: Verdict) -> None:
        """Keep a verdict on the sample on show, and show the next one at once."""
        if not self._waiting:
            return
        sample = self._waiting.popleft()
        self._done.append(sample)
        self._look()
        kept = await self._keep(sample, verdict)
        if kept and len(self._waiting) < FEW:
            await self._more()
        if kept and not self._order.locked():  # else another key comes, after which it is told
            await self._tell()

    async def _undo(self) -> None:
        """Take the last verdict back, and show its sample again."""
        if not self._done:
            return
        sample = self._done.pop()
        self._waiting.appendleft(sample)
        self._look()
        if await self._keep(sample, None):
            await self._tell()

    async def _keep(self, sample: Proposed, verdict: Verdict) -> bool:
        try:
            async with self._order:  # the server hears of them in the order of the keys
                kept = await self._session.client.judge([(sample, verdict)])
        except SureflowError as error:
            self._notice.show(error)
            return False
        for each in kept.withdrawn:
            self._notice.say(f"The certificate of {each.model} is withdrawn: {each.reason}")
        return True

    async def _more(self) -> None:
        """Ask for samples, if none are on the way."""
        model = self.model.value
        if self._asking == model:
            return
        self._asking = model
        try:
            async with self._order:
                found = await self._session.client.review(model, BATCH)
        except SureflowError as error:
            self._notice.show(error)
            return
        finally:
            self._asking = None
        if model == self.model.value:
            fresh = [one for one in found.samples if one.draw not in self._seen]
            self._seen |= {one.draw for one in fresh}
            began = not self._waiting
            self._waiting.extend(fresh)
            if began:
                self._look()

    def _look(self) -> None:
        """Show the sample whose turn it is."""
        sample = self._waiting[0] if self._waiting else None
        self.label.text = "One moment" if sample is None else (sample.label or "Good or bad?")
        self.picture.set_visibility(False)
        self.numbers.text = ""
        if sample is None:
            return
        try:
            self.picture.source = address(sample.image())
            self.picture.set_visibility(True)
            name(self.picture, f"Sample {sample.draw}")
        except NotAnImage:
            values = sample.array().ravel()[:COMPONENTS].tolist()
            self.numbers.text = ", ".join(f"{value:.4g}" for value in values)

    async def _tell(self) -> None:
        """Say how far the review has come."""
        rate = min(max(float(self.rate.value or RATE), 0.001), 0.9)
        try:
            found = await self._session.client.review(self.model.value, 0, max_bad_rate=rate)
        except SureflowError as error:
            self._notice.show(error)
            return
        self._draw(found)

    def _draw(self, found: Review) -> None:
        self.said.text = said(found)
        self.note.text = note(found)
        self.certify.set_enabled(found.smallest is not None)
        draw(self.chart, curve(found))

    async def _certify(self) -> None:
        """Have filters go by what the verdicts certify."""
        try:
            client, replace = self._session.client, self.replace.value
            await client.certify(self.model.value, replace=replace)
            await self._session.load()
        except SureflowError as error:
            self._notice.show(error)
            return
        await self._tell()


def said(found: Review) -> str:
    """Return how far a review has come, in words."""
    words = f"{found.judged} judged."
    rate, more = f"{100 * found.needed.max_bad_rate:g}%", found.needed.verdicts
    if more is None:
        return f"{words} {rate} bad would take very many more."
    if more:
        return f"{words} {more} more good ones certify {rate} bad."
    return f"{words} {rate} bad is certified."


def note(found: Review) -> str:
    """Return on what that rests."""
    people = ", ".join(f"{name or 'somebody'} {count}" for name, count in found.reviewers.items())
    words = f"At {1 - found.delta:.0%}, whenever one looks." + f" Verdicts: {people}." * bool(
        people
    )
    certificate = found.certificate
    if certificate is None:
        return f"{words} No certificate is in service."
    if certificate.withdrawn is not None:
        return f"{words} The certificate in service is withdrawn."
    return f"{words} In service: by {certificate.judge}, from {certificate.smallest:.1%} on."


def curve(found: Review) -> dict[str, Any]:
    """Return certified and observed bad rates over the share that is accepted."""
    known = [point for point in found.curve if point.accepted is not None and point.judged]
    bounds = sorted((100 * (point.accepted or 0), 100 * point.bound) for point in known)
    seen = sorted((100 * (one.accepted or 0), 100 * one.bad / one.judged) for one in known)
    return bounded("bad, %", "at most", bounds, points("seen", seen, GREY))
