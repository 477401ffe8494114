"""Our server and its peers under the same open-loop load of mixed requests.

Poisson arrivals; every server gets the same requests, network, solvers and seeds, one core for all
of its processes, and is started anew for every load. The load generator has another core. Loads are
shares of what the library's offline loop makes of the same mix on the same core in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import httpx

from benchmarks.report import machine, options
from benchmarks.serving import mix
from benchmarks.serving.figures import Figures, Outcome, Rows, figures, of_batches, outcome, plain
from benchmarks.serving.load import Call, Reply, play
from benchmarks.serving.neighbour import neighbours
from benchmarks.serving.offline import Offline, decoded, measure
from benchmarks.serving.servers import KINDS, Kind, Server, Setting, UnavailableError, kind, started
from benchmarks.serving.tables import claims, markdown, page, table
from sureflow.checkpoint import load

MODEL = "fashion"
PEERS = ("sureflow", "request", "threads", "litserve", "litserve-patient", "bentoml")
QUICK_PEERS = ("sureflow", "litserve")
FEWEST = 50
"""Requests from which a capacity can be read."""

WARM_UP, AT_ONCE, WARM_UP_S = 24, 4, 120.0
"""Requests before the measurement, how many at once, and the seconds that these may take; BentoML
learns its batch times from the first dozen."""


@dataclass
class Point:
    """What was seen of one server at one load, over all rounds."""

    outcomes: list[Outcome] = field(default_factory=list)
    work: Rows = field(default_factory=Rows)
    lateness: float = 0.0
    seconds: float = 0.0
    demand: float = 0.0


@dataclass(frozen=True)
class Bench:
    """What stays the same over all servers and loads of a run."""

    chosen: argparse.Namespace
    offline: Offline
    requests: Sequence[Sequence[mix.Request]]
    server_core: int

    @property
    def setting(self) -> Setting:
        """What servers are started with."""
        everyone = (request for requests in self.requests for request in requests)
        longest = max(map(self.deadline, everyone))
        return Setting(MODEL, self.chosen.capacity, longest, tuple(self.chosen.serve.split()))

    def deadline(self, request: mix.Request) -> float:
        """Seconds that a request has."""
        chosen = self.chosen
        return request.deadline_s(self.offline.row_s, chosen.grace, chosen.slowdown)


def main() -> None:
    """Run the benchmark."""
    chosen = _options()
    server_core, client_core = _cores()
    kinds = list(_available(chosen.peers))
    if chosen.neighbour:
        kinds = [each for k in kinds for each in (k, k.beside(chosen.neighbour))]
    os.sched_setaffinity(0, {server_core})
    bench = _prepare(chosen, server_core)
    os.sched_setaffinity(0, {client_core})
    points = {(k.name, share): Point() for share in chosen.loads for k in kinds}
    for number in range(chosen.rounds):
        for place, share in enumerate(chosen.loads):
            turn = (number + place) % len(kinds)
            for k in kinds[turn:] + kinds[:turn]:
                point = points[k.name, share]
                _measure(bench, k, share, number, point)
                if point.outcomes:
                    print(table({(k.name, share): _sum(share, point)}, heading=False), flush=True)
    _report(bench, {key: _sum(key[1], point) for key, point in points.items() if point.outcomes})


def _options() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--peers", nargs="+", metavar="NAME[:BATCH:WAIT]", help=_peers())
    parser.add_argument("--loads", nargs="+", type=float, help="shares of the offline capacity")
    parser.add_argument(
        "--seconds", type=float, help="of arrivals per server, load and round, about"
    )
    parser.add_argument("--patience", type=float, help="seconds to wait after the last arrival")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--capacity", type=int, default=16, help="lanes at once within a batch")
    parser.add_argument("--serve", default="", help="more options of our server, in one string")
    parser.add_argument("--grace", type=float, default=mix.GRACE_S, help="of a deadline, seconds")
    parser.add_argument("--slowdown", type=float, default=mix.SLOWDOWN, help="of a deadline")
    parser.add_argument("--mix", choices=mix.MIXES, default=mix.MIX, help="of kinds of requests")
    parser.add_argument(
        "--neighbour",
        type=int,
        nargs="?",
        const=1,
        default=0,
        metavar="COUNT",
        help="measure every server again beside processes that want its core for 5 s in every 30",
    )
    parser.add_argument("--seed", type=int, default=1, help="of requests and arrivals")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write a page and plots here")
    chosen = parser.parse_args()
    quick = chosen.quick
    chosen.peers = chosen.peers or (QUICK_PEERS if quick else PEERS)
    chosen.loads = chosen.loads or ([0.8, 1.2] if quick else [0.5, 0.8, 1.0, 1.2])
    chosen.seconds = chosen.seconds or (5.0 if quick else 60.0)
    chosen.patience = chosen.patience or (3.0 if quick else 20.0)
    return chosen


def _peers() -> str:
    return f"of {', '.join(KINDS)}; most requests in a batch, and the seconds to wait for them"


def _cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        print("one core only: the load generator shares it with the server", file=sys.stderr)
    return cores[0], cores[-1]


def _available(names: Sequence[str]) -> list[Kind]:
    kinds = []
    for name in names:
        try:
            kinds.append(kind(name))
        except UnavailableError as reason:
            print(f"left out: {name}: {reason}", flush=True)
    return kinds


def _prepare(chosen: argparse.Namespace, core: int) -> Bench:
    """Draw the requests of every round and run them all offline."""
    model = load(MODEL)
    first = list(islice(mix.draw(chosen.seed, chosen.mix), FEWEST))
    rows = sum(request.rows for request in first) / len(first)
    guess = 1 / (rows * measure(model, first[:WARM_UP], chosen.capacity).row_s)
    most = max(FEWEST, 1.2 * max(chosen.loads) * guess * chosen.seconds)
    rounds = range(chosen.rounds)
    requests = [mix.until(chosen.seed + number, most, chosen.mix) for number in rounds]
    offline = measure(model, [r for each in requests for r in each], chosen.capacity)
    print(f"offline loop: {offline.capacity:.3g} requests/s, {1e3 * offline.row_s:.3g} ms/row")
    count = len(offline.images)
    print(f"{count} requests, {sum(offline.rows.values()) / count:.3g} rows each", flush=True)
    return Bench(chosen, offline, requests, core)


def _measure(bench: Bench, k: Kind, share: float, number: int, point: Point) -> None:
    """One server, one load, one round."""
    end = share * bench.offline.capacity * bench.chosen.seconds
    due = [r for r in bench.requests[number] if r.at < end]
    # A finite draw has more or less work than its share: stretched, it is exactly the load meant.
    seconds = sum(bench.offline.rows[r.seed] for r in due) * bench.offline.row_s / share
    rate = end / seconds
    try:
        with started(k, bench.setting, bench.server_core) as server:
            asyncio.run(_warm_up(server, bench))
            before = server.work()
            with neighbours(k.neighbours, bench.server_core):
                replies = asyncio.run(_load(server, bench, due, rate))
            work = server.work() - before if k.ours else of_batches(replies)
    except UnavailableError as reason:
        print(f"left out: {reason}", flush=True)
        return
    point.outcomes += [
        outcome(request, bench.deadline(request), reply, bench.offline.images[request.seed])
        for request, reply in zip(due, replies, strict=True)
    ]
    point.work += work
    point.lateness = max(point.lateness, *(reply.late for reply in replies))
    point.seconds += seconds
    point.demand += share * seconds


async def _warm_up(server: Server, bench: Bench) -> None:
    """Warm the server up, and compare its exact arrays with the library's."""
    first = bench.requests[0][:WARM_UP]
    calls = [Call(0.0, request.body(MODEL, "npy")) for request in first]
    for start in range(0, len(calls), AT_ONCE):
        replies = await _play(server, calls[start : start + AT_ONCE], WARM_UP_S)
        for request, reply in zip(first[start:], replies, strict=False):
            if reply.status != httpx.codes.OK:
                raise UnavailableError(f"{server.kind.name} answers {reply.reason or reply.status}")
            made = b"".join(decoded(sample["data"]) for sample in reply.document["samples"])
            if made != bench.offline.arrays[request.seed].tobytes():
                raise UnavailableError(f"{server.kind.name} sends other bytes than the library's")


async def _load(
    server: Server, bench: Bench, due: Sequence[mix.Request], rate: float
) -> list[Reply]:
    deadlines = server.knows("deadline_s")

    def body(request: mix.Request) -> dict[str, object]:
        extra = {"deadline_s": bench.deadline(request)} if deadlines else {}
        return {**request.body(MODEL), **extra}

    calls = [Call(request.at / rate, body(request)) for request in due]
    return await _play(server, calls, bench.chosen.patience)


async def _play(server: Server, calls: Sequence[Call], patience: float) -> list[Reply]:
    k = server.kind
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=None) as client:
        return [k.unwrap(reply) for reply in await play(client, k.path, calls, patience, k.wrap)]


def _sum(share: float, point: Point) -> Figures:
    return figures(share, point.outcomes, point.seconds, point.work, point.lateness, point.demand)


def _processor() -> str:
    """The model that Linux names; ``platform`` often knows no more than the architecture."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return str(machine()["processor"])


def _report(bench: Bench, summed: dict[tuple[str, float], Figures]) -> None:
    chosen = bench.chosen
    print("\n" + table(summed))
    claimed = claims(summed)
    for label, value in claimed.items():
        print(f"{label:<72}{value:>12.4g}")
    record = {
        "benchmark": "serving",
        "machine": {**machine(), "processor": _processor(), "cores": os.cpu_count()},
        "options": {k: v for k, v in vars(chosen).items() if not isinstance(v, Path)},
        "capacity_rps": bench.offline.capacity,
        "row_s": bench.offline.row_s,
        "claims": plain(claimed),
        "points": [{"server": name, **each.record()} for (name, _), each in summed.items()],
    }
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n")
    if chosen.docs is not None:
        from benchmarks.serving.plots import plot

        chosen.docs.mkdir(parents=True, exist_ok=True)
        stem = page(vars(chosen))
        (chosen.docs / f"{stem}.md").write_text(markdown({**record, "claims": claimed}, summed))
        plot(summed, chosen.docs, stem)


if __name__ == "__main__":
    main()
