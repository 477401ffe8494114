"""Looking at samples one by one, a key for each, while the certified curve grows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from nicegui import ui
from nicegui.events import KeyEventArguments

from sureflow_client import Proposed, Refit, Review, SureflowError, Verdict

from .charts import GREY, base, bounded, draw, points
from .errors import Notice
from .fields import number, select
from .proposed import ProposedView
from .session import Session

BATCH = 24
"""Samples that are asked for at a time."""

FEW = 6
"""Samples left from which on more are asked for."""

RATE = 0.02
"""The bad rate that is to be certified, at first."""

KEYS: dict[str, Verdict] = {"g": "good", "b": "bad"}
UNDO = "u"


class ReviewPanel:
    """Samples that wait for a verdict, how many have one, and what follows.

    Args:
        session: The visitor's.
        notice: Where errors are shown.
        on_model: Told of the model that is chosen.
        on_close: Called when the visitor has enough.
    """

    def __init__(
        self,
        session: Session,
        notice: Notice,
        on_model: Callable[[str], object],
        on_close: Callable[[], object],
    ) -> None:
        self._session, self._notice = session, notice
        self._on_model, self._on_close = on_model, on_close
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
            self.model = select(names, "Model", self._session.default.name, self._chosen)
            self.shown = ProposedView()
            with ui.element("div").classes("review-buttons"):
                for key, verdict in KEYS.items():
                    words = f"{str(verdict).capitalize()} ({key.upper()})"
                    give = partial(self._give, verdict)
                    ui.button(words, on_click=give, color=None).props("no-caps").classes("main")
                ui.button("Undo (U)", on_click=self._undo).props("outline no-caps")
                ui.button("Close", on_click=self._on_close).props("flat no-caps")
        with ui.element("div").classes("panel"):
            self.said = ui.label().classes("review-said").props('aria-live="polite"')
            self.rate = number("Bad rate", RATE, 0.001, 0.9, whole=False)
            self.rate.props("step=0.01").on_value_change(self._tell)
            self.chart = ui.echart(base(), renderer="svg").classes("chart")
            self.chart.props('role="img" aria-label="Bad rate certified by these verdicts"')
            self.note = ui.label().classes("soft small review-note")
            self.replace = ui.checkbox("Even if the one in service promises more")
            self.certify = ui.button("Have filters go by it", on_click=self._certify, color=None)
            self.certify.props("no-caps").classes("main")
            self.refit = ui.button("Teach a version of the model", on_click=self._refit, color=None)
            self.refit.props("outline no-caps")
            self.learned = ui.label().classes("soft small").props('aria-live="polite"')

    async def show(self, model: str) -> None:
        """Go on with the review of a model, or of the one that is chosen if there is none such."""
        self.box.set_visibility(True)
        self._keys.active = True
        if model in self._session.models and model != self.model.value:
            self.model.value = model
        else:
            await self._begin()

    async def _chosen(self) -> None:
        self._on_model(self.model.value)
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
        """Keep a verdict on the sample on show, and show the next one at once.

        Where it could not be kept, the sample waits again.
        """
        if not self._waiting:
            return
        sample = self._waiting.popleft()
        self._done.append(sample)
        self._look()
        kept = await self._keep(sample, verdict)
        if not kept and sample in self._done:
            self._done.remove(sample)
            self._waiting.appendleft(sample)
            self._look()
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
                if self.box.is_deleted:  # the visitor has left meanwhile
                    return
                found = await self._session.client.review(model, BATCH)
        except SureflowError as error:
            if self.box.is_deleted:
                return
            self._notice.show(error)
            if not self._waiting:
                self.shown.say("Nothing to look at")
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
        if self._waiting:
            others = [*self._done, *self._waiting]
            self.shown.show(self._waiting[0], others, self._session.view(self.model.value))
        else:
            self.shown.say("One moment")

    async def _tell(self) -> None:
        """Say how far the review has come."""
        if self.box.is_deleted:
            return
        rate = min(max(float(self.rate.value or RATE), 0.001), 0.9)
        try:
            found = await self._session.client.review(self.model.value, 0, max_bad_rate=rate)
        except SureflowError as error:
            if self.box.is_deleted:
                return
            self._notice.show(error)
            found = None
        self._draw(found)

    def _draw(self, found: Review | None) -> None:
        self.said.text = "" if found is None else said(found)
        self.note.text = "" if found is None else note(found)
        self.certify.set_enabled(found is not None and found.smallest is not None)
        self.replace.set_visibility(found is not None and found.certificate is not None)
        draw(self.chart, base() if found is None else curve(found))

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

    async def _refit(self) -> None:
        """Have a probe fitted to the verdicts; say what it is worth, once it is there."""
        jobs, model = self._session.client.jobs, self.model.value
        self.refit.disable()
        try:
            job = await jobs.refit(model)
            self.learned.text = f"{model}: a probe is fitted while the server has nothing to do."
            async for _ in jobs.events(job):
                pass
            made = (await jobs.get(job)).result
        except SureflowError as error:
            made = None
            if not self.box.is_deleted:
                self._notice.show(error)
        if not self.box.is_deleted:
            self.learned.text = learned(made) if isinstance(made, Refit) else ""
            self.refit.enable()


def learned(made: Refit) -> str:
    """Return what a version is worth that was taught by verdicts, in words."""
    words = f"{made.name} is written, of {made.judged} verdicts; {made.model} is as before."
    if made.auroc is None or made.in_use is None:
        return f"{words} Too few are bad to say how well it finds them."
    found = f"On samples left out it finds bad ones with an AUROC of {made.auroc}"
    return f"{words} {found}, and {made.score} with one of {made.in_use}."


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
