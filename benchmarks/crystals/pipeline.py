"""What a laboratory asks for, over HTTP: structures that a judge accepts, and their bill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sureflow_client import Client, Sample

BATCH = 16
"""Samples of a request."""

MOST = 128
"""Samples of a condition, after which it is given up."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What it took.

    Attributes:
        accepted: Structures that the judge accepted, as many as were wanted if there are so many.
        drawn: Structures that the model made.
        evaluations: Network rows that they cost.
        judged: Structures that the judge was asked about.
        steps: What that took it, in steps of relaxation.
    """

    accepted: int = 0
    drawn: int = 0
    evaluations: int = 0
    judged: int = 0
    steps: int = 0

    def __add__(self, other: Bill) -> Bill:
        """Both together."""
        return Bill(
            self.accepted + other.accepted,
            self.drawn + other.drawn,
            self.evaluations + other.evaluations,
            self.judged + other.judged,
            self.steps + other.steps,
        )


def order(
    client: Client,
    model: str,
    condition: Mapping[str, Any],
    wanted: int,
    then: Mapping[str, Any],
    first_stage: Mapping[str, Any] | None = None,
    effort: Callable[[list[Sample]], int] = len,
    **options: Any,
) -> Bill:
    """Draw until so many structures of one condition are accepted.

    Args:
        client: Of the server.
        model: Its name.
        condition: What is asked for.
        wanted: How many.
        then: The judge and its bound, as ``filter.then``.
        first_stage: What has to be passed before the judge is asked; nothing by default.
        effort: What it took the judge to judge these samples.
        options: Of the requests, such as ``seed``.
    """
    bill = Bill()
    asked: Any = {**(first_stage or {}), "action": "annotate", "then": then}
    while bill.accepted < wanted and bill.drawn < MOST:
        found = client.generate(
            model, BATCH, condition=condition, first=bill.drawn, filter=asked, **options
        )
        usage = found.usage
        assert usage.judged is not None
        bill += Bill(
            len(found.accepted()),
            len(found),
            usage.evaluations,
            usage.judged.samples,
            effort([sample for sample in found if sample.decision and sample.decision.then]),
        )
    return bill


def rows(bills: Iterable[tuple[str, Bill]]) -> list[str]:
    """Lines of a table in Markdown: a bill each, and what an accepted structure cost."""
    lines = [
        "| | accepted | drawn | evaluations | judge calls | steps | calls of one | steps of one |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, bill in bills:
        each = max(bill.accepted, 1)
        lines.append(
            f"| {name} | {bill.accepted} | {bill.drawn} | {bill.evaluations} | {bill.judged}"
            f" | {bill.steps} | {bill.judged / each:.2f} | {bill.steps / each:.1f} |"
        )
    return lines
