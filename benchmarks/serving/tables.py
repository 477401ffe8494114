"""The figures as text, and what is claimed of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.serving import mix
from benchmarks.serving.figures import Figures, ratio
from benchmarks.serving.neighbour import BUSY_S, EVERY_S
from benchmarks.serving.servers import BESIDE, OURS

Points = Mapping[tuple[str, float], Figures]
"""By name of the server and load."""

CLAIMED_AT, OVERLOAD = 0.8, 1.2

COLUMNS: dict[str, Callable[[Figures], str]] = {
    "load": lambda f: f"{f.load:g}",
    "offered/s": lambda f: f"{f.offered:.2f}",
    "goodput/s": lambda f: f"{f.goodput:.2f}",
    "good": lambda f: _percent(f.goodput_share),
    "p50 s": lambda f: _number(f.p50),
    "p95 s": lambda f: _number(f.p95),
    "p99 s": lambda f: _number(f.p99),
    "p99 of all s": lambda f: _number(f.p99_all),
    "refused": lambda f: _percent(f.refused),
    "no answer": lambda f: _percent(f.unanswered),
    "refusal p50 ms": lambda f: _number(1e3 * f.refusal_p50),
    "refusal p99 ms": lambda f: _number(1e3 * f.refusal_p99),
    "admission p50 ms": lambda f: _number(1e3 * f.queue_p50),
    "admission p99 ms": lambda f: _number(1e3 * f.queue_p99),
    "rows/tick": lambda f: _number(f.rows_per_tick),
    "rows/good sample": lambda f: _number(f.evaluations),
    "hurried": lambda f: str(f.hurried),
    "wrong": lambda f: str(f.wrong),
}


def table(points: Points, heading: bool = True) -> str:
    """Columns for a terminal; one line per server and load."""
    width = max(22, *(len(name) for name, _ in points))
    lines = []
    if heading:
        lines.append(" ".join([" " * width, *(f"{title:>{_wide(title)}}" for title in COLUMNS)]))
    for (name, _), each in points.items():
        cells = [f"{show(each):>{_wide(title)}}" for title, show in COLUMNS.items()]
        lines.append(" ".join([f"{name:<{width}}", *cells]))
    return "\n".join(lines)


def claims(points: Points) -> dict[str, float]:
    """What the benchmark is there to show, as ratios within the run.

    Only what was measured; NaN where both sides are infinite. The bars: p99 at most 0.5, goodput
    at least 1.5, goodput under overload at least 0.9 of its peak, refusals within milliseconds,
    goodput beside a neighbour at least 0.8 of that without.
    """
    found = {
        f"at {load:g}: {name}, goodput beside a neighbour / alone": ratio(
            points[name + BESIDE, load].goodput, alone.goodput
        )
        for (name, load), alone in points.items()
        if (name + BESIDE, load) in points
    }
    ours = points.get((OURS, CLAIMED_AT))
    if ours is not None:
        for (name, load), its in points.items():
            if name != OURS and load == CLAIMED_AT and not name.endswith(BESIDE):
                title = f"at {load:g}: ours / {name}"
                found[f"{title}, p99 of answered requests"] = ratio(ours.p99, its.p99)
                found[f"{title}, p99 of all requests"] = ratio(ours.p99_all, its.p99_all)
                for kind in mix.KINDS:
                    if kind in ours.kinds and kind in its.kinds:
                        found[f"{title}, p99 of answered {kind} requests"] = ratio(
                            ours.kinds[kind].p99, its.kinds[kind].p99
                        )
                found[f"{title}, goodput"] = ratio(ours.goodput, its.goodput)
    mine = {load: f for (name, load), f in points.items() if name == OURS}
    if OVERLOAD in mine:
        peak = max(f.goodput for f in mine.values())
        title = f"ours at {OVERLOAD:g}: goodput / its peak over all loads"
        found[title] = ratio(mine[OVERLOAD].goodput, peak)
        for reason, refusals in mine[OVERLOAD].refusals.items():
            found[f"ours at {OVERLOAD:g}: {reason}, p99 in ms"] = 1e3 * refusals.p99
    return found


def markdown(record: dict[str, Any], points: Points) -> str:
    """The page that goes with the plots."""
    parts = [_introduction(record), "## Latency, goodput, refusals", _table(points)]
    parts += ["## By kind of request", kinds(points)]
    parts += ["## Ratios", _claims(record["claims"]), _refusals(points)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _introduction(record: dict[str, Any]) -> str:
    chosen, on = record["options"], record["machine"]
    shares = ", ".join(
        f"{name} {100 * share:.0f} %"
        for name, share in zip(mix.KINDS, mix.MIXES[chosen["mix"]], strict=True)
        if share
    )
    option, stem = ("" if chosen["mix"] == mix.MIX else f" --mix {chosen['mix']}"), page(chosen)
    option += f" --neighbour {chosen['neighbour']}" if chosen["neighbour"] else ""
    others = ", ".join(f"[{each}]({page({'mix': each})}.md)" for each in mix.MIXES)
    lines = [
        f"Written by `python -m benchmarks.serving{option} --docs docs/benchmarks`. The mixes, of",
        f"which each has its page ({others}), arrivals and deadlines are described in",
        "[`mix.py`](../../benchmarks/serving/mix.py).",
        "",
        f"* Machine: {on['processor']}, {on['cores']} cores, torch {on['torch']}. Every server has",
        "  one core for all of its processes and one torch thread; the load generator has another.",
        "* Network: `fashion`. Every server runs the library's sampling loop; peers with",
        f"  {chosen['capacity']} lanes at once, ours with its defaults{_ours(chosen['serve'])}.",
        "  Every answer is compared with the library's: an image that differs is bad.",
        f"* Mix `{chosen['mix']}`: {shares}.",
        f"  Open-loop Poisson arrivals, {chosen['seconds']:g} s per server, load and round;",
        f"  {chosen['rounds']} round(s); then {chosen['patience']:g} s of patience.",
        f"* Load 1 is {record['capacity_rps']:.3g} requests/s: the offline loop over the same",
        f"  requests on the same core, {1e3 * record['row_s']:.3g} ms per row.",
        f"* Deadline: {chosen['grace']:g} s and {chosen['slowdown']:g} times the request's own",
        "  rows at that speed. Our server is told each request's own; LitServe, BentoML and Ray",
        "  Serve have room for one timeout, which is the largest deadline.",
        "* Arrivals are stretched so that the work that comes in is exactly the load.",
        "* *p99 of all* counts refused and unanswered requests as infinitely late. *Admission* is",
        "  the time until the computation begins. *Hurried* answers say that they widened their",
        "  tolerance to be in time; they count as bad.",
        *_beside(chosen["neighbour"]),
        "",
        f"![Latency]({stem}-latency.png)",
        "",
        f"![Goodput]({stem}-goodput.png)",
    ]
    return "# Serving\n\n" + "\n".join(lines)


def page(chosen: Mapping[str, Any]) -> str:
    """Name of the page and the plots of a run with these options, without what follows a dot."""
    stem = "serving" if chosen["mix"] == mix.MIX else f"serving-{chosen['mix']}"
    return f"{stem}-neighbour" if chosen.get("neighbour") else stem


def _beside(count: int) -> list[str]:
    """What a neighbour is, if there is any."""
    if not count:
        return []
    return [
        f"* *Neighbour*: {count} more process(es) want the server's core for {BUSY_S:g} s in every",
        f"  {EVERY_S:g} s. Our worker stands back for whatever wants its core, by a niceness of 5.",
    ]


def _ours(options: str) -> str:
    return f" (ours: `sureflow serve {options}`)" if options else ""


def _table(points: Points) -> str:
    lines = ["| server | " + " | ".join(COLUMNS) + " |", "|---" + "|---:" * len(COLUMNS) + "|"]
    for (name, _), each in points.items():
        cells = [show(each) for show in COLUMNS.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def kinds(points: Points) -> str:
    """Latency and share of good answers of every kind of request, as Markdown."""
    lines = [
        f"| {name} | {load:g} | {kind} | {part.count} | {_number(part.p50)} | "
        f"{_number(part.p99)} | {_percent(part.goodput_share)} |"
        for (name, load), each in points.items()
        for kind, part in each.kinds.items()
    ]
    head = ["| server | load | kind | requests | p50 s | p99 s | good |"]
    return "\n".join([*head, "|---|---:|---|---:|---:|---:|---:|", *lines])


def _claims(figures: dict[str, float]) -> str:
    lines = ["| ratio | figure |", "|---|---:|"]
    return "\n".join(
        lines + [f"| {label} | {_number(value)} |" for label, value in figures.items()]
    )


def _refusals(points: Points) -> str:
    lines = [
        f"| {name} | {load:g} | {reason} | {refusals.count} | "
        f"{_number(1e3 * refusals.p50)} | {_number(1e3 * refusals.p99)} |"
        for (name, load), each in points.items()
        for reason, refusals in each.refusals.items()
    ]
    if not lines:
        return ""
    head = ["## Refusals", "", "| server | load | reason | count | p50 ms | p99 ms |"]
    return "\n".join([*head, "|---|---:|---|---:|---:|---:|", *lines])


def _wide(title: str) -> int:
    return max(len(title), 6)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
