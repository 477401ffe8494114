"""How long the ticks of each model take, and how many rows they may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sureflow_server.engine.pace import Pace
from sureflow_server.engine.row_budget import (
    IDLE_TICK_S,
    TARGET_LATENCY_S,
    row_budget,
    rows_within,
)

FIRST_TURN_S = 0.01
"""What the first turn is taken to last, and the first one after a rest."""


class Tempo:
    """Knows what the ticks of each model should take, and learns from them what they do.

    Args:
        tick_s: Seconds that ticks of 0, 1, 2, ... rows should take, up to the most rows that a tick
            may have, by name of model.
    """

    def __init__(self, tick_s: Mapping[str, Sequence[float]]) -> None:
        self._tick_s = dict(tick_s)
        self._paces = {model: Pace() for model in self._tick_s}
        self._due_s: dict[str, float] = {}
        self._fitting: dict[str, int] = {}

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(self._tick_s)

    def forget(self, model: str) -> None:
        """Let go of a model."""
        for of_models in (self._tick_s, self._paces, self._due_s, self._fitting):
            of_models.pop(model, None)

    def turn_s(self, now: float, running: Iterable[str]) -> float:
        """Seconds that a turn of these models is expected to take.

        Their ticks are taken to have the rows that they had in the turn before, which is then
        forgotten: what does not tick in this one counts for nothing in the next.
        """
        seconds = self._last_s(now, self._due_s.keys() & {*running}) or FIRST_TURN_S
        self._due_s = {}
        return seconds

    def saw(self, model: str, ended: float, seconds: float, due: float) -> None:
        """Take note of a tick that took so long, and of what it should have taken."""
        self._due_s[model] = due
        self._paces[model].saw(ended, seconds, due)

    def fits(self, model: str, rows: int) -> None:
        """Take note that more rows did not fit into memory."""
        self._fitting[model] = rows

    def alone_s(self, model: str, rows: int, evaluations: float, now: float) -> float:
        """Seconds for so many evaluations of so many rows that have every tick for themselves."""
        present_s = self._present_s(model, now)
        within = min(rows, len(present_s) - 1)
        return evaluations * max(rows / within, 1) * present_s[within]

    def rows(
        self, model: str, pressing: Iterable[tuple[float, float]], now: float, *, busy: bool
    ) -> int:
        """Rows that the next ticks of a model may have.

        Args:
            model: Its name.
            pressing: Of each request, as in :func:`row_budget`.
            now: Reading of the clock.
            busy: Whether there are requests that somebody waits for.
        """
        tick_s, best = self._tick_s[model], self._paces[model].best
        if busy:
            least = rows_within(TARGET_LATENCY_S, tick_s, best)
            rows = row_budget(pressing, self._present_s(model, now), least)
        else:
            rows = rows_within(IDLE_TICK_S, tick_s, best)
        return min(rows, self._fitting_rows(model, rows))

    def _present_s(self, model: str, now: float) -> list[float]:
        """Seconds from one tick of the model to the next at present, by its rows."""
        others_s = self._last_s(now, self._due_s.keys() - {model})
        slowness = self._paces[model].slowness(now)
        return [others_s + slowness * seconds for seconds in self._tick_s[model]]

    def _last_s(self, now: float, models: Iterable[str]) -> float:
        """Seconds that ticks of these models take now, with the rows that they had last."""
        return sum(self._due_s[model] * self._paces[model].slowness(now) for model in models)

    def _fitting_rows(self, model: str, wanted: int) -> int:
        """Rows that fit into memory, as far as is known: half of those that did not fit.

        One more is tried at every decision, since another process may have taken the memory.
        """
        if model not in self._fitting:
            return wanted
        fitting = self._fitting[model]
        if fitting >= wanted:
            del self._fitting[model]
        else:
            self._fitting[model] += 1
        return fitting
