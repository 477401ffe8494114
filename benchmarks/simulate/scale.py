"""What 10^6, 10^8 and 10^10 samples a day need, from what one replica was measured to do.

Reads the figures of ``python -m benchmarks.simulate`` and measures what a sample costs beside the
network. ``--docs`` writes the page.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.report import machine, options
from benchmarks.simulate.account import Account, measure
from benchmarks.simulate.balancer import BALANCERS

DAY_S = 86_400
DAILY = (10**6, 10**8, 10**10)
FIGURES = Path("docs/benchmarks/simulate.json")
PAGE = Path("docs/scale.md")
TEMPLATE = Path(__file__).with_name("scale.template.md")
COMMAND = "python -m benchmarks.simulate.scale --docs"
LOAD, REPLICAS = 0.8, 100
"""The simulated fleet whose replicas are reckoned with."""

HOUR_S, KEPT_FRAMES = 3600.0, 1


@dataclass(frozen=True, slots=True)
class Need:
    """What a number of samples a day needs, evenly over the day.

    Attributes:
        samples: A second.
        rows: Network rows a second.
        replicas: Of the measured kind.
        api_cores: Cores that all API processes keep busy, where every request is for one sample.
        answer_bytes: On the wire, a second.
        writes: Handles stored a second.
        recipe_bytes: Stored for an hour, without key frames.
        handle_bytes: Stored for an hour, with one key frame each.
        waiting: Lanes that wait, over all replicas.
    """

    samples: float
    rows: float
    replicas: int
    api_cores: float
    answer_bytes: float
    writes: float
    recipe_bytes: float
    handle_bytes: float
    waiting: float


def need(daily: float, account: Account, replica: dict[str, Any], rows: float) -> Need:
    """Reckon it.

    Args:
        daily: Samples a day.
        account: Of a sample.
        replica: The simulated point of which a replica is.
        rows: Rows a second that a replica does at this point.
    """
    samples = daily / DAY_S
    replicas = ceil(samples * account.rows / rows)
    kept = samples * HOUR_S
    return Need(
        samples=samples,
        rows=samples * account.rows,
        replicas=replicas,
        api_cores=samples * account.request_s,
        answer_bytes=samples * account.answer_bytes,
        writes=samples,
        recipe_bytes=kept * account.recipe_bytes,
        handle_bytes=kept * (account.recipe_bytes + KEPT_FRAMES * account.frame_bytes),
        waiting=replicas * replica["depth"],
    )


def of_fleet(record: dict[str, Any], balancer: str, replicas: int = REPLICAS) -> dict[str, Any]:
    """A simulated point at :data:`LOAD`."""
    found: dict[str, Any] = next(
        point
        for point in record["points"]
        if (point["replicas"], point["balancer"], point["load"]) == (replicas, balancer, LOAD)
    )
    return found


def big(value: float, unit: str = "") -> str:
    """A figure with three digits and a decimal prefix."""
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor and (unit or value >= 1e5):
            return f"{value / factor:.3g} {prefix}{unit}".rstrip()
    return f"{value:,.0f} {unit}".rstrip() if value >= 100 else f"{value:.3g} {unit}".rstrip()


def table(needs: Sequence[Need]) -> str:
    """One column per number of samples, in Markdown."""
    rows = {
        "samples a second": [big(n.samples) for n in needs],
        "network rows a second": [big(n.rows) for n in needs],
        "replicas (one core each)": [big(n.replicas) for n in needs],
        "cores for their API processes": [big(n.api_cores) for n in needs],
        "lanes waiting, all replicas": [big(n.waiting) for n in needs],
        "answers, JSON with PNG": [big(n.answer_bytes, "B/s") for n in needs],
        "handles written a second": [big(n.writes) for n in needs],
        "kept for an hour: recipes alone": [big(n.recipe_bytes, "B") for n in needs],
        "kept for an hour: with one key frame": [big(n.handle_bytes, "B") for n in needs],
    }
    heads = ["| samples a day | " + " | ".join(f"10^{len(str(n)) - 1}" for n in DAILY) + " |"]
    heads.append("|---|" + "---:|" * len(DAILY))
    return "\n".join(
        [*heads, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]
    )


def page(model: str, account: Account, record: dict[str, Any], rows: float) -> str:
    """The whole page; its words are in ``scale.template.md``."""
    replica = of_fleet(record, "least outstanding")
    needs = [need(daily, account, replica, rows) for daily in DAILY]
    tick_s = record["tick_s"]
    full = (len(tick_s) - 1) / tick_s[-1]
    large = {name: of_fleet(record, name, 1000) for name in BALANCERS}
    balanced = {"least": "least outstanding", "two": "two choices", "random": "random"}
    return TEMPLATE.read_text().format(
        command=COMMAND,
        model=model,
        on=f"{record['machine']['processor']}, torch {record['machine']['torch']}",
        sample_rows=account.rows,
        request_us=f"{1e6 * account.request_s:.0f}",
        api_us=f"{1e6 * account.api_s:.0f}",
        answer=big(account.answer_bytes, "B"),
        recipe=big(account.recipe_bytes, "B"),
        frame=big(account.frame_bytes, "B"),
        full=f"{full:.0f}",
        load=f"{100 * LOAD:.0f}",
        replicas=REPLICAS,
        rows=f"{rows:.0f}",
        good=f"{100 * replica['good']:.1f}",
        depth=f"{replica['depth']:.2f}",
        table=table(needs),
        api_share=f"{100 * account.request_s * rows / account.rows:.2f}",
        alone=f"{tick_s[1] * full:.1f}",
        **{f"good_{k}": f"{100 * large[v]['good']:.1f}" for k, v in balanced.items()},
        handles=big(needs[-1].handle_bytes, "B"),
        recipes=big(needs[-1].recipe_bytes, "B"),
        ceiling=big(1 / account.request_s),
        ceiling_rows=big(account.rows / account.request_s),
        ceiling_many=big(1 / account.api_s),
        most=big(needs[-1].replicas),
    )


def main() -> None:
    """Print the page, and write it if asked to."""
    parser = options(__doc__)
    parser.add_argument("--model", default="fashion")
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--rows-per-second", type=float, help="of a replica, if not as simulated")
    parser.add_argument("--docs", action="store_true", help=f"write {PAGE}")
    chosen = parser.parse_args()
    record = json.loads(chosen.figures.read_text())
    account = measure(chosen.model, chosen.quick)
    simulated = of_fleet(record, "least outstanding")["rows_per_second"]
    text = page(chosen.model, account, record, chosen.rows_per_second or simulated)
    print(text)
    if chosen.docs:
        PAGE.write_text(text)
    if chosen.json:
        figures = {name: getattr(account, name) for name in Account.__slots__}
        record = {"benchmark": "scale", "machine": machine(), "figures": figures}
        chosen.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
