"""Replicas behind a balancer, and what becomes of the requests that arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from heapq import heappop, heappush
from itertools import islice
from math import inf
from typing import Any

import numpy as np

from benchmarks.serving import mix
from benchmarks.simulate.balancer import BALANCERS
from benchmarks.simulate.costs import Costs
from benchmarks.simulate.replica import Ask, Load, Replica
from sureflow.core.family import cost_of

WARM_UP = 1 / 4
"""Share of the requests that are served before anything is counted."""

ARRIVAL, EXPIRY, STEP = range(3)


@dataclass(frozen=True, slots=True)
class Point:
    """One fleet under one load.

    Attributes:
        replicas: How many.
        balancer: One of :data:`~benchmarks.simulate.balancer.BALANCERS`.
        load: Rows asked for, as a share of what full ticks of all replicas could do.
        requests: How many were counted.
        offered: Requests per second.
        goodput: Requests answered in time, per second.
        good: The same as a share of those offered.
        refused: Share that was refused at once.
        late: Share that was given up at its deadline.
        p50: Seconds to the answer, of answered requests.
        p95: Likewise.
        p99: Likewise.
        utilisation: Share of time in ticks.
        rows_per_tick: Mean.
        rows_per_second: Of a replica.
        depth: Lanes that wait on a replica, mean over time.
        p99_kinds: 99th percentile by kind of request.
    """

    replicas: int
    balancer: str
    load: float
    requests: int
    offered: float
    goodput: float
    good: float
    refused: float
    late: float
    p50: float
    p95: float
    p99: float
    utilisation: float
    rows_per_tick: float
    rows_per_second: float
    depth: float
    p99_kinds: dict[str, float]

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@cache
def drawn(seed: int, count: int) -> tuple[mix.Request, ...]:
    """The first requests of the mix with large ones."""
    return tuple(islice(mix.draw(seed, "bulk"), count))


def rows_of(request: mix.Request, lengths: Sequence[int]) -> int:
    """Network rows of a request whose lanes are as long as this."""
    return sum(lengths) * cost_of(request.specs()[0]).peak


def lengths(request: mix.Request, costs: Costs) -> tuple[int, ...]:
    """Ticks that each of its lanes takes; for adaptive ones, one of those that were measured."""
    if request.tolerance is None:
        return (2 * (request.steps or 0),) * request.n
    seen = costs.adaptive[request.tolerance]
    return tuple(seen[(request.seed + 31 * lane) % len(seen)] for lane in range(request.n))


def run(
    costs: Costs,
    requests: Sequence[mix.Request],
    replicas: int,
    load: float,
    balancer: str = "least outstanding",
    seed: int = 0,
) -> Point:
    """Play requests against a fleet.

    Arrivals are stretched so that the rows that come in are exactly the load. Every request has the
    deadline that it has in ``benchmarks.serving``.
    """
    taken = [lengths(request, costs) for request in requests]
    rows = sum(rows_of(*pair) for pair in zip(requests, taken, strict=True))
    span = rows * costs.row_s / (load * replicas)
    pace = span / requests[-1].at
    window = Load(requests[int(WARM_UP * len(requests))].at * pace, span)
    fleet = [Replica(costs, window) for _ in range(replicas)]
    ends = _play(fleet, requests, taken, pace, costs.row_s, BALANCERS[balancer](seed))
    return _point(replicas, balancer, load, requests, ends, pace, window)


@dataclass(slots=True)
class _End:
    """How a request ended; ``latency`` is infinite where it was refused or given up."""

    latency: float = inf
    refused: bool = False


def _play(
    fleet: Sequence[Replica],
    requests: Sequence[mix.Request],
    taken: Sequence[tuple[int, ...]],
    pace: float,
    row_s: float,
    choose: Any,
) -> list[_End]:
    counts = np.zeros(len(fleet), np.int64)
    ends = [_End() for _ in requests]
    place: dict[int, int] = {}
    # Times first; then expiries before steps, so that what is late by a hair is late.
    events: list[tuple[float, int, int]] = [(requests[0].at * pace, ARRIVAL, 0)]

    def awake(replica: int) -> None:
        if fleet[replica].due < inf:
            heappush(events, (fleet[replica].due, STEP, replica))

    while events:
        now, what, number = heappop(events)
        if what == ARRIVAL:
            request = requests[number]
            if number + 1 < len(requests):
                heappush(events, (requests[number + 1].at * pace, ARRIVAL, number + 1))
            deadline = now + request.deadline_s(row_s)
            replica = choose(counts)
            ask = Ask(number, tuple(request.specs()), taken[number], deadline)
            if fleet[replica].offer(now, ask):
                counts[replica] += 1
                place[number] = replica
                heappush(events, (deadline, EXPIRY, number))
                awake(replica)
            else:
                ends[number].refused = True
        elif what == EXPIRY:
            replica = place[number]
            if fleet[replica].expire(now, number):
                counts[replica] -= 1
                awake(replica)
        elif fleet[number].due == now:  # else the stretch was cut short, and this is its old end
            for done in fleet[number].step():
                counts[number] -= 1
                ends[done].latency = now - requests[done].at * pace
            awake(number)
    return ends


def _point(
    replicas: int,
    balancer: str,
    load: float,
    requests: Sequence[mix.Request],
    ends: Sequence[_End],
    pace: float,
    window: Load,
) -> Point:
    counted = [
        (request.kind, end)
        for request, end in zip(requests, ends, strict=True)
        if request.at * pace >= window.begin
    ]
    answered = [end.latency for _, end in counted if end.latency < inf]
    seconds = window.end - window.begin
    refused = sum(end.refused for _, end in counted)
    by_kind = {
        kind: [end.latency for of, end in counted if of == kind and end.latency < inf]
        for kind in mix.KINDS
    }
    return Point(
        replicas=replicas,
        balancer=balancer,
        load=load,
        requests=len(counted),
        offered=len(counted) / seconds,
        goodput=len(answered) / seconds,
        good=len(answered) / len(counted),
        refused=refused / len(counted),
        late=(len(counted) - len(answered) - refused) / len(counted),
        p50=float(np.quantile(answered, 0.5)),
        p95=float(np.quantile(answered, 0.95)),
        p99=float(np.quantile(answered, 0.99)),
        utilisation=window.busy_s / (replicas * seconds),
        rows_per_tick=window.rows / window.ticks,
        rows_per_second=window.rows / (replicas * seconds),
        depth=window.waiting_s / (replicas * seconds),
        p99_kinds={kind: float(np.quantile(v, 0.99)) for kind, v in by_kind.items() if v},
    )
