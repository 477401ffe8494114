"""A worker within this process, on the clock of a virtual event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from benchmarks.simulate.machine import Machine
from sureflow.model import Model
from sureflow.sampling.sampler import Sampler, Tick
from sureflow_server.engine.loader import SLOTS_PER_ROW
from sureflow_server.engine.loop import TickLoop
from sureflow_server.engine.messages import Command, Message, Ready, Report
from sureflow_server.engine.news import BEAT_S

Ticked = Callable[[float, int], object]
"""Told when a tick begins, and how many rows it has."""


class _Clock:
    """The time of the event loop, and what a turn has taken since."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._loop.time() + self.ahead


class _Paced(Sampler):
    """A real sampler, whose ticks take what the machine says."""

    def __init__(self, model: Model, machine: Machine, clock: _Clock, ticked: Ticked) -> None:
        super().__init__(model, SLOTS_PER_ROW * (len(machine.tick_s) - 1))
        self._machine = machine
        self._clock = clock
        self._ticked = ticked

    def seconds(self, rows: int) -> float:
        return self._machine.seconds(rows)

    def tick(self, tickets: Collection[int] | None = None) -> Tick:
        tick = super().tick(tickets)
        now = self._clock()
        self._ticked(now, tick.rows)
        self._clock.ahead += self._machine.end(now, tick.rows) - now
        return replace(tick, seconds=self._machine.seconds(tick.rows))


class InsideWorker:
    """Stands in for the ``WorkerProcess``: the same loop and sampler, but no process.

    A turn is taken at once, and whatever follows from it happens as much later as it took.
    """

    def __init__(
        self,
        model: Model,
        machine: Machine,
        ticked: Ticked,
        on_message: Callable[[Message], None],
        on_exit: Callable[[int | None], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = _Clock()
        self._on_message, self._on_exit = on_message, on_exit
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        name = model.card.name
        samplers = {name: _Paced(model, machine, self._clock, ticked)}
        ticks = {name: machine.tick_s}
        self._ticks = TickLoop(samplers, self._inbox, self._send, ticks, clock=self._clock)
        self._next: asyncio.TimerHandle | None = None
        self._loop.call_soon(on_message, Ready("nowhere", (model.card,), ticks, {}))
        self._pulse = self._loop.call_later(BEAT_S, self._beat)

    def send(self, command: Command) -> None:
        """Hand over a command; a worker that sleeps wakes up."""
        self._inbox.put(command)
        if self._next is None:
            self._next = self._loop.call_later(0, self._turn)

    def stop(self) -> None:
        """End at once; nothing is under way."""
        self.kill()

    def kill(self) -> None:
        """End at once."""
        self._pulse.cancel()
        if self._next is not None:
            self._next.cancel()
        self._loop.call_soon(self._on_exit, 0)

    def _beat(self) -> None:
        self._on_message(Report())
        self._pulse = self._loop.call_later(BEAT_S, self._beat)

    def _send(self, report: Report) -> None:
        self._loop.call_later(self._clock.ahead, self._on_message, report)

    def _turn(self) -> None:
        self._ticks.turn()
        took, self._clock.ahead = self._clock.ahead, 0.0
        wakes = not self._ticks.asleep or not self._inbox.empty()
        self._next = self._loop.call_later(took, self._turn) if wakes else None
