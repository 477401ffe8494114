"""A server that is attacked, and those who watch it from beside."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.hostile.attack import Attack
from benchmarks.hostile.limit import Limit
from benchmarks.hostile.row import GROWTH, Row
from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.target import Target
from benchmarks.hostile.watch import Watch, watching
from benchmarks.serving.servers import free_port

PAUSE_S = 2.0
TIMES = 3
LOOPBACK = "http://127.0.0.1"


@dataclass(frozen=True)
class Observed:
    """A server, and those who watch it.

    Attributes:
        target: The server.
        pulse: Who asks whether it lives.
        control: Who asks the same of a process that nobody attacks.
        weight: Who weighs it.
    """

    target: Target
    pulse: Watch
    control: Watch
    weight: Watch

    @property
    def runs(self) -> bool:
        """Whether the server runs."""
        return self.target.process.poll() is None

    def row(
        self, attack: Attack, idle: float = 0.0, budget: int = 0, growth: float = GROWTH
    ) -> Row:
        """Attack it, rest for a moment, and say what came of it.

        Without ``idle``, what it takes meanwhile counts as that.
        """
        begun = time.monotonic()
        outcome = _run(attack, self.target)
        ended = time.monotonic()
        time.sleep(PAUSE_S)
        until = time.monotonic()
        weights = self.weight.between(begun, until)
        return Row(
            name=attack.name,
            outcome=outcome,
            stall_s=max(self.pulse.between(begun, until)),
            control_s=max(self.control.between(begun, until)),
            idle=idle or statistics.median(weights),
            peak=max(weights),
            budget=budget,
            growth=growth,
            ended=not self.runs and not attack.fatal,
            seconds=ended - begun,
        )

    def best(self, attack: Attack, idle: float, budget: int) -> Row:
        """The same; again if only the stall is too long, which may be the machine's doing."""
        row = self.row(attack, idle, budget)
        for _ in range(TIMES - 1):
            if row.misses() != ["stall"] or attack.fatal:
                break
            row = min(row, self.row(attack, idle, budget), key=lambda each: each.stall_s)
        return row


@contextmanager
def observed(target: Target, limit: Limit) -> Iterator[Observed]:
    """Have a server watched."""
    with ExitStack() as stack:
        port = str(free_port())
        stack.enter_context(watching("control", port))
        pulse = stack.enter_context(watching("prober", target.url))
        control = stack.enter_context(watching("prober", f"{LOOPBACK}:{port}"))
        weigher = watching("weigher", str(target.pid), str(limit.watched))
        yield Observed(target, pulse, control, stack.enter_context(weigher))


def _run(attack: Attack, target: Target) -> Outcome:
    try:
        return attack.run(target)
    except Exception as error:  # whatever a server that is attacked does to its clients
        return Outcome(offences=[f"{type(error).__name__}: {error}"])
