"""Images as server-sent events: on their way, and once they are finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from functools import partial
from time import time
from typing import Any

import numpy as np

from sureflow.core.lane import View
from sureflow_server.api.answer import head
from sureflow_server.api.dialect import OPENAI
from sureflow_server.api.json_pieces import text
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.openai.image_answer import (
    TOKENS,
    about,
    image,
    is_shown,
    left_out_in_words,
    left_out_of,
)
from sureflow_server.api.openai.image_plan import ImagePlan
from sureflow_server.api.problems import Problem, to_problem
from sureflow_server.api.resolve import IMAGE
from sureflow_server.api.run import Happening, Result, Run
from sureflow_server.api.stream import Events
from sureflow_server.engine.errors import EngineError
from sureflow_server.engine.messages import Viewed

PARTIAL, COMPLETED, ERROR = "image_generation.partial_image", "image_generation.completed", "error"
QUALITY = "auto"


async def image_events(run: Run, request_id: str, asked: ImagePlan) -> Events:
    """Yield images on their way and finished ones; last an error, if it comes to that or to none.

    Events have no numbers: after one that has, OpenAI's client takes a heartbeat for an event.
    """
    told = Told(run, request_id, asked)
    try:
        async with aclosing(run.events()) as events:
            async for event in events:
                for name, document in told.about(event):
                    work = partial(_encoded, name, document)
                    yield None, name, await off_loop(work, asked.plan.record_bytes)
    except EngineError as error:
        yield None, ERROR, _error(to_problem(error))
    else:
        if not any(map(is_shown, run.results)):
            left_out = left_out_in_words(left_out_of(run.results))
            yield None, ERROR, _error(Problem("no-image", left_out, [("filter", left_out)]))


class Told:
    """What events tell of a run, and which views they have shown: each of a lane's once.

    A lane that a worker has lost and another makes again comes by the same views twice; and a
    sample has those that were not told of before it was finished.
    """

    def __init__(self, run: Run, request_id: str, asked: ImagePlan) -> None:
        self._run = run
        self._asked = asked
        self._head = head(asked.plan, request_id)
        self._steps: dict[int, list[int]] = {}

    def about(self, event: Happening | None) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
        """The events that one of the run comes to: the name of each, and what makes it."""
        if isinstance(event, Viewed):
            yield from self._views(event.lane, [event.view])
        elif isinstance(event, Result) and is_shown(event):
            yield from self._views(event.sample.spec.index, event.sample.views)
            yield COMPLETED, partial(self._completed, event)

    def _views(
        self, index: int, views: Iterable[View]
    ) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
        shown = self._steps.setdefault(index, [])
        for view in views:
            if view.step not in shown and np.isfinite(view.prediction).all():
                yield PARTIAL, partial(self._partial, index, len(shown), view)
                shown.append(view.step)

    def _partial(self, index: int, number: int, view: View) -> dict[str, Any]:
        codec = self._asked.plan.family.codec
        return {
            "b64_json": codec.encode(view.prediction, IMAGE),
            **self._common(),
            "partial_image_index": number,
            "index": index,
            "step": view.step,
            "t": view.t,
        }

    def _completed(self, result: Result) -> dict[str, Any]:
        return {
            **self._common(),
            **image(result, self._asked),
            "usage": TOKENS | {"evaluations": result.sample.evaluations},
            "left_out": left_out_of(self._run.results),
            "warnings": [*self._asked.warnings, *self._run.warnings],
        }

    def _common(self) -> dict[str, Any]:
        made = about(self._asked.plan, int(time()), "created_at")
        return {**self._head, **made, "quality": QUALITY}


def _encoded(name: str, document: Callable[[], dict[str, Any]]) -> bytes:
    return text({"type": name, **document()})


def _error(problem: Problem) -> bytes:
    return text(OPENAI.error(problem.failure))
