"""The page docs/benchmarks/annealed.md, from the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BUDGETS = (800,)
METHODS = ("ais", "pt", "cds", "mala")

HEAD = """# Densities: against exact draws, and a peer

Samples of densities that are known up to a constant ([how they are asked for](../densities.md)),
at equal evaluations of the density and its gradient. `python -m benchmarks.annealed --part PART`
prints the figures of a section; `--docs docs/benchmarks` writes this page from [the
figures](annealed.json). Intervals are 95 % of the mean over three seeds.
"""


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page into a folder; parts that were not measured are left out."""
    parts = [HEAD, _modes(figures), _funnel(figures), _coverage(figures), _peer(figures)]
    (folder / "annealed.md").write_text("\n".join(part for part in parts if part))


def _cell(figures: dict[str, Any], name: str, digits: int = 2) -> str:
    if name not in figures:
        return "-"
    value, half = figures[name], figures.get(f"{name}, +-")
    shown = f"{value:.{digits}f}"
    return shown if half is None or half != half else f"{shown} ± {half:.{digits}f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _modes(figures: dict[str, Any]) -> str:
    if "modes exact TV" not in figures:
        return ""
    rows = [
        [
            method,
            str(budget),
            _cell(figures, f"modes {method} {budget} TV", 3),
            _cell(figures, f"modes {method} {budget} ESS"),
            _cell(figures, f"modes {method} {budget} log Z", 3),
            _cell(figures, f"modes {method} {budget} R-hat"),
        ]
        for budget in BUDGETS
        for method in METHODS
    ]
    head = ["method", "evaluations", "TV of mode weights", "ESS / n", "log Z (truth 0)", "R-hat"]
    return f"""
## Forty modes in the plane

`python -m benchmarks.annealed --part modes`: total variation between the weights of the modes of
100 samples and their shares. 100 exact draws have {figures["modes exact TV"]:.3f}, which is chance
alone.

{_table(head, rows)}
The chains of `mala` stay in the mode that they come to first: an R-hat far above 1.1 and an ESS
near none say so.
"""


def _funnel(figures: dict[str, Any]) -> str:
    if "funnel exact mean" not in figures:
        return ""
    names = ("mean", "deviation", "below -3", "ESS", "log Z", "R-hat")
    keys = [("exact", "funnel exact", "")] + [
        (method, f"funnel {method} {budget}", str(budget))
        for budget in BUDGETS
        for method in METHODS
    ]
    rows = [[m, b, *(_cell(figures, f"{key} {name}") for name in names)] for m, key, b in keys]
    head = [
        "method",
        "evaluations",
        "mean (0)",
        "deviation (3)",
        "share below -3 (0.16)",
        "ESS / n",
        "log Z (0)",
        "R-hat",
    ]
    return f"""
## Neal's funnel in ten dimensions

`python -m benchmarks.annealed --part funnel`: the neck of 100 samples, which is normal with mean 0
and standard deviation 3.

{_table(head, rows)}
No method with one step size per temperature comes down into the neck with so few evaluations.
R-hat says so where chains run. Annealing has none, and its `log_z_error` is too small here: the
weights that are missing are those of particles that never came there.
"""


def _coverage(figures: dict[str, Any]) -> str:
    if "coverage ais log Z" not in figures:
        return ""
    rows = [
        [m, f"{figures[f'coverage {m} log Z']:.1%}", f"{figures[f'coverage {m} mean by ESS']:.1%}"]
        for m in ("ais", "pt")
    ]
    head = ["method", "log Z ± t log_z_error", "mean ± t deviations / sqrt(ESS)"]
    return f"""
## Are `log_z_error` and `ess` what they say?

`python -m benchmarks.annealed --part coverage`: share of 200 runs of 16 samples of the forty
modes, 480 evaluations each, whose interval of 90 % holds the truth. The quantile `t` is Student's,
of one degree of freedom less than there are samples, or effective ones: 1.753 for 16. Chance alone
moves a share of 90 % by ± 4 %.

{_table(head, rows)}"""


def _peer(figures: dict[str, Any]) -> str:
    if "peer NUTS ESS per second, warm-up too" not in figures:
        return ""
    nuts = figures["peer NUTS ESS per 1000 evaluations, warm-up too"]
    pace = figures["peer NUTS ESS per second, warm-up too"]
    rows = [
        [
            method,
            f"{figures[f'peer {method} ESS per 1000 evaluations']:.2f}",
            f"{figures[f'peer {method} ESS per 1000 evaluations'] / nuts:.3f}",
            f"{figures[f'peer {method} ESS per second'] / pace:.4f}",
            f"{figures[f'peer {method} means, largest of 31 errors']:.1f}",
        ]
        for method in ("ais", "pt", "mala")
    ]
    plain = figures["peer NUTS ESS per 1000 evaluations"]
    rows.append(["NUTS, blackjax", f"{nuts:.2f} ({plain:.2f} without its warm-up)", "1", "1", "-"])
    head = [
        "method",
        "ESS per 1000 evaluations",
        "of NUTS",
        "ESS per second, of NUTS",
        "largest of 31 differences of means, in standard errors",
    ]
    return f"""
## The posterior of a logistic regression

`python -m benchmarks.annealed --part peer --peer PYTHON`, where `PYTHON` has `blackjax`:
`breast-cancer`, 31 coefficients. NUTS has 4 chains of 1,000 draws after 500 of window adaptation,
compiled by JAX; its ESS is the least of the 31. Ours warm up for every sample by
itself. Other programs ran beside both, so that ratios by the second are rough.

{_table(head, rows)}
For a posterior of one mode a chain is the better tool. What a sample here costs more buys
independence of all others, weights with a known mean, and the evidence `log_z`.
"""
