"""A server, attacked in one way after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.hostile.attack import Attack
from benchmarks.hostile.jobs import discard
from benchmarks.hostile.limit import Limit
from benchmarks.hostile.observed import Observed, observed
from benchmarks.hostile.reference import reference
from benchmarks.hostile.row import GROWTH, Row
from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.sound import TOOL
from benchmarks.hostile.target import Setup, StartError, Target, serving

IDLE_S = 5.0
BACK_S = 60.0
BACK = 1.1
"""What a server may take once all is over, of what it took before."""


def trial(setup: Setup, attacks: Sequence[Attack], limit: Limit) -> Iterator[Row]:
    """Start a server, see what it does when nothing is asked of it, and attack it.

    The last row is what is left of it. One that ends of an attack is started again for the others.
    """
    left = deque(attacks)
    while left:
        try:
            with serving(setup, limit) as target, observed(target, limit) as seen:
                yield from attacked(seen, setup, left)
        except StartError as error:
            yield _unstarted(setup, error)
            return


def attacked(seen: Observed, setup: Setup, left: deque[Attack]) -> Iterator[Row]:
    """Attack a server until it ends or no attack is left; those that were made are taken out."""
    _used(seen.target)
    before = _references(seen.target)
    yield (rest := seen.row(Attack(f"nothing: {setup.name}", _nothing)))
    while left and seen.runs:
        attack = left.popleft()
        yield seen.best(attack, rest.idle, attack.budget(setup))
    if seen.runs:
        yield _after(seen, rest.idle, before)


def _after(seen: Observed, idle: float, before: list[str]) -> Row:
    """Whether samples are what they were, and within a minute memory is what it was."""
    outcome = Outcome()
    with seen.target.client() as client:
        discard(client)
    if _references(seen.target) != before:
        outcome.offences.append("samples differ from those before")
    end = time.monotonic() + BACK_S
    while True:
        row = seen.row(Attack("what is left, with the same samples", _nothing), idle, 0, BACK)
        if "memory" not in row.misses() or time.monotonic() > end:
            return replace(row, outcome=outcome)


def _used(target: Target) -> None:
    """Use once what is loaded with its first use, and stays."""
    with target.client() as client:
        client.get("/openapi.json")
        client.post("/mcp", json=TOOL)


def _references(target: Target) -> list[str]:
    with target.client() as client:
        return reference(client)


def _nothing(_: Target) -> Outcome:
    time.sleep(IDLE_S)
    return Outcome()


def _unstarted(setup: Setup, error: StartError) -> Row:
    return Row(
        name=f"the start: {setup.name}",
        outcome=Outcome(offences=[str(error)]),
        stall_s=0.0,
        control_s=0.0,
        idle=1.0,
        peak=0.0,
        budget=0,
        growth=GROWTH,
        ended=True,
        seconds=0.0,
    )
