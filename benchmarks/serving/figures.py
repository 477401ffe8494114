"""From replies to figures: quantiles, goodput, refusals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.serving.load import Reply
from benchmarks.serving.mix import Request

OK = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request at one server.

    Attributes:
        kind: Of the mix.
        samples: How many it asked for.
        deadline: Seconds it had.
        status: HTTP status; 0 where no answer came before the cut-off.
        latency: Seconds to the answer, refusals included; infinite where none came.
        correct: Whether every sample is the library's, byte for byte as PNG.
        hurried: Whether a sample says that its tolerance was widened because it was late. Such an
            answer owns up to what it is, and still counts as incorrect.
        queue: Seconds until its computation began, where answered.
        evaluations: Network rows of its samples, where answered.
        reason: Why it was refused, where it was.
    """

    kind: str
    samples: int
    deadline: float
    status: int
    latency: float
    correct: bool = False
    hurried: bool = False
    queue: float = math.nan
    evaluations: int = 0
    reason: str = ""

    @property
    def answered(self) -> bool:
        """Whether it was served."""
        return self.status == OK

    @property
    def refused(self) -> bool:
        """Whether the server said no, in whatever way."""
        return self.status not in (0, OK)

    @property
    def good(self) -> bool:
        """Whether it was answered correctly and in time."""
        return self.answered and self.correct and self.latency <= self.deadline


def outcome(request: Request, deadline: float, reply: Reply, images: Sequence[str]) -> Outcome:
    """Judge a reply; ``images`` are the samples that the library makes of the request."""
    if reply.document is None:
        return Outcome(
            request.kind, request.n, deadline, reply.status, reply.latency, reason=reply.reason
        )
    samples, usage = reply.document["samples"], reply.document["usage"]
    return Outcome(
        kind=request.kind,
        samples=request.n,
        deadline=deadline,
        status=reply.status,
        latency=reply.latency,
        correct=[sample["data"] for sample in samples] == list(images),
        hurried=any(sample.get("finish_reason") == "deadline" for sample in samples),
        queue=usage["queue_s"],
        evaluations=usage["evaluations"],
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """Work of a server: network rows, and the evaluations (ticks) in which they were made."""

    rows: int = 0
    ticks: int = 0

    def __add__(self, other: Rows) -> Rows:
        return Rows(self.rows + other.rows, self.ticks + other.ticks)

    def __sub__(self, other: Rows) -> Rows:
        return Rows(self.rows - other.rows, self.ticks - other.ticks)

    @property
    def per_tick(self) -> float:
        """Rows of a mean tick."""
        return self.rows / self.ticks if self.ticks else math.nan


def of_batches(replies: Iterable[Reply]) -> Rows:
    """Rows and ticks of a peer, which tells with every answer what its batch cost."""
    batches = {r.document["batch"]["id"]: r.document["batch"] for r in replies if r.document}
    return Rows(
        sum(batch["rows"] for batch in batches.values()),
        sum(batch["ticks"] for batch in batches.values()),
    )


@dataclass(frozen=True, slots=True)
class Refusals:
    """Refusals for one reason: how many, and the seconds they took."""

    count: int
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Part:
    """Requests of one kind: how many, latency of the answered ones, share of good ones."""

    count: int
    p50: float
    p99: float
    goodput_share: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One server at one load. Times in seconds; quantiles of nothing are NaN.

    Attributes:
        load: Offered requests per second over the capacity of the offline loop.
        realised: The work that came in over what the offline loop does in that time: the load
            that the finite draw of requests and arrivals came to.
        requests: Requests sent.
        offered: Requests per second.
        goodput: Requests per second answered correctly within their deadlines.
        goodput_share: The same as a share of the requests.
        p50: Latency of answered requests; so are ``p95`` and ``p99``.
        p99_all: Over all requests; a refused or unanswered one took infinitely long.
        refused: Share that got an answer other than the samples.
        unanswered: Share that got none before the cut-off.
        refusal_p50: Seconds a refusal took; so is ``refusal_p99``.
        queue_p50: Seconds from arrival to the start of the computation; so is ``queue_p99``.
        rows_per_tick: Rows of a mean network evaluation.
        evaluations: Rows evaluated in all, per sample that was delivered correctly and in time.
        wrong: Answers that differ from the library's and do not say that they were hurried.
        hurried: Answers that say so.
        lateness: Most seconds by which the load generator itself was late.
        refusals: The refused ones by reason.
        kinds: The parts of the mix, each for itself.
    """

    load: float
    realised: float
    requests: int
    offered: float
    goodput: float
    goodput_share: float
    p50: float
    p95: float
    p99: float
    p99_all: float
    refused: float
    unanswered: float
    refusal_p50: float
    refusal_p99: float
    queue_p50: float
    queue_p99: float
    rows_per_tick: float
    evaluations: float
    wrong: int
    hurried: int
    lateness: float
    refusals: dict[str, Refusals]
    kinds: dict[str, Part]

    def record(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        record: dict[str, Any] = plain(asdict(self))
        return record


def figures(
    load: float,
    outcomes: Sequence[Outcome],
    seconds: float,
    work: Rows,
    lateness: float,
    demand: float = math.nan,
) -> Figures:
    """Sum up one server at one load.

    Args:
        load: See :class:`Figures`.
        outcomes: Of every request sent, of all rounds.
        seconds: Length of the arrivals, of all rounds.
        work: What the server evaluated.
        lateness: See :class:`Figures`.
        demand: Seconds that the offline loop takes for these requests.
    """
    answered = [o for o in outcomes if o.answered]
    refusals = [o.latency for o in outcomes if o.refused]
    good = [o for o in outcomes if o.good]
    latencies = [o.latency for o in answered]
    queue = [o.queue for o in answered]
    accepted = sum(o.samples for o in good)
    return Figures(
        load=load,
        realised=demand / seconds,
        requests=len(outcomes),
        offered=len(outcomes) / seconds,
        goodput=len(good) / seconds,
        goodput_share=len(good) / len(outcomes),
        p50=quantile(latencies, 0.5),
        p95=quantile(latencies, 0.95),
        p99=quantile(latencies, 0.99),
        p99_all=quantile([o.latency if o.answered else math.inf for o in outcomes], 0.99),
        refused=len(refusals) / len(outcomes),
        unanswered=sum(o.status == 0 for o in outcomes) / len(outcomes),
        refusal_p50=quantile(refusals, 0.5),
        refusal_p99=quantile(refusals, 0.99),
        queue_p50=quantile(queue, 0.5),
        queue_p99=quantile(queue, 0.99),
        rows_per_tick=work.per_tick,
        evaluations=work.rows / accepted if accepted else math.nan,
        wrong=sum(not o.correct and not o.hurried for o in answered),
        hurried=sum(o.hurried for o in answered),
        lateness=lateness,
        refusals=by_reason(outcomes),
        kinds=by_kind(outcomes),
    )


def by_reason(outcomes: Iterable[Outcome]) -> dict[str, Refusals]:
    """Refusals by status and type: those before any work are told from those after it."""
    times: dict[str, list[float]] = {}
    for refusal in outcomes:
        if refusal.refused:
            times.setdefault(refusal.reason, []).append(refusal.latency)
    return {
        reason: Refusals(len(took), quantile(took, 0.5), quantile(took, 0.99))
        for reason, took in sorted(times.items())
    }


def by_kind(outcomes: Iterable[Outcome]) -> dict[str, Part]:
    """Every kind for itself: the quantiles of all are those of the largest requests."""
    kinds: dict[str, list[Outcome]] = {}
    for each in outcomes:
        kinds.setdefault(each.kind, []).append(each)
    parts = {}
    for kind, mine in sorted(kinds.items()):
        took = [o.latency for o in mine if o.answered]
        share = sum(o.good for o in mine) / len(mine)
        parts[kind] = Part(len(mine), quantile(took, 0.5), quantile(took, 0.99), share)
    return parts


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed; NaN of none.

    No interpolation: between a number and infinity there is nothing to interpolate.
    """
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def ratio(one: float, other: float) -> float:
    """``one / other``; NaN where it has no meaning."""
    if math.isinf(one) and math.isinf(other):
        return math.nan
    if other == 0:
        return math.inf if one > 0 else math.nan
    return one / other


def plain(value: Any) -> Any:
    """For JSON, which has neither NaN nor infinity: ``null`` and ``"infinite"``."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "infinite"
    return value
