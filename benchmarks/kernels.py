"""What kernels cost that repeat themselves, and such as are the same on every processor.

Every mode is a process of its own, as kernels are chosen once. The processes take turns, so that a
disturbance meets all modes alike, and the least time of each counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import torch

from benchmarks.report import Report, options
from benchmarks.throughput import served
from sureflow import numerics
from sureflow.checkpoint import load
from sureflow.sampling.evaluator import Evaluator, main_head
from sureflow.sampling.fingerprint import numerics_of
from sureflow.sampling.sample import sample

DOCS = Path("docs/benchmarks/kernels.md")
MODES: dict[str, dict[str, str]] = {
    "reproducible": {},
    "as MKL likes": {"MKL_CBWR": "OFF"},
    "AVX2, of one vendor": {**numerics.PORTABLE, "MKL_CBWR": "AVX2,STRICT"},
    "portable": {numerics.SWITCH: "1"},
}
"""Modes by the environment of their process; the first is what all others are compared with."""

ROWS = (1, 2, 4, 16, 64)
TURNS = 3
PATIENCE_S = 0.2
LANES = 16
EVALUATIONS = 40
"""Of a sample as nobody says otherwise."""


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--model", action="append", help="repeat; default ring, digits, fashion")
    parser.add_argument("--docs", action="store_true", help=f"write {DOCS}")
    parser.add_argument("--http", action="store_true", help="instead: through a server, each mode")
    parser.add_argument("--measure", metavar="MODEL", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measured(chosen.measure)))
        return
    report, pages = Report("kernels"), []
    for model in chosen.model or ("ring", "digits", "fashion"):
        if chosen.http:
            over_http(report, model, 1 if chosen.quick else TURNS)
            continue
        found = all_modes(model, 1 if chosen.quick else TURNS)
        tell(report, model, found)
        pages.append(table(model, found))
    report.write(chosen.json)
    if chosen.docs and pages:
        DOCS.write_text(page(pages))


def all_modes(model: str, turns: int) -> dict[str, dict[str, Any]]:
    """Figures by mode: the least of all turns."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(turns):
        for mode, environment in MODES.items():
            fresh = in_fresh_process(model, environment)
            best = found.setdefault(mode, fresh)
            for name in ("evaluation", "samples"):
                best[name] = {k: min(best[name][k], fresh[name][k]) for k in best[name]}
    return found


def over_http(report: Report, model: str, turns: int) -> None:
    """Print the least seconds of one sample, and of several that are asked for at once.

    Each is a request of its own, of 40 evaluations. The servers of the modes take turns.
    """
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for _ in range(turns):
        for mode, environment in MODES.items():
            with patch.dict(os.environ, environment), served(model) as url:
                asyncio.run(answered(url, model, LANES))
                for n in (1, LANES):
                    found[mode, n] += [asyncio.run(answered(url, model, n)) for _ in range(3)]
    base = next(iter(MODES))
    for (mode, n), seconds in found.items():
        title = f"{model}, {mode}: {n} over HTTP"
        report.add(title, min(seconds), "s")
        report.add(f"{title}, to {base}", min(seconds) / min(found[base, n]))


async def answered(url: str, model: str, n: int) -> float:
    """Seconds until so many requests, sent at once, are all answered."""
    async with httpx.AsyncClient(base_url=url, timeout=600) as client:

        async def one(seed: int) -> None:
            answer = await client.post("/v1/generate", json={"model": model, "seed": seed})
            assert answer.raise_for_status().json()["usage"]["evaluations"] >= EVALUATIONS

        begun = time.perf_counter()
        await asyncio.gather(*(one(seed) for seed in range(n)))
        return time.perf_counter() - begun


def in_fresh_process(model: str, environment: dict[str, str]) -> dict[str, Any]:
    """What :func:`measured` returns where nothing but this was decided."""
    names = {numerics.SWITCH, *numerics.PORTABLE}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-m", "benchmarks.kernels", "--measure", model]
    done = subprocess.run(
        command, env={**inherited, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@torch.inference_mode()
def measured(name: str) -> dict[str, Any]:
    """Seconds of evaluations by rows and of samples by lanes, and what they ran on."""
    model = load(name)
    head, evaluate = model.engine.heads()[model.engine.main], main_head(model)
    inputs = head.example(max(ROWS))
    rows = {n: {key: z[:n] for key, z in inputs.items()} for n in ROWS}
    label = 0 if model.card.classes else None
    lanes = {n: least(lambda n=n: sample(model, n, label=label, steps=2)) for n in (1, LANES)}
    return {
        "numerics": numerics_of(model),
        "evaluation": {n: least(lambda n=n: evaluate(rows[n])) for n in ROWS},
        "samples": lanes,
        "width": evaluate.best_rows,
        "divided": divided(evaluate),
    }


def divided(evaluate: Evaluator) -> float:
    """Seconds of all lanes at the width of a tick that servers choose, to those of all at once."""
    width = min(evaluate.best_rows, LANES)
    return LANES / width * evaluate.division.cost(width) / evaluate.division.cost(LANES)


def least(call: Any) -> float:
    """Least seconds that a call takes this thread, of as many as there is patience for."""
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < PATIENCE_S:
        begun = time.thread_time()
        call()
        taken.append(time.thread_time() - begun)
    return min(taken)


def tell(report: Report, model: str, found: dict[str, dict[str, Any]]) -> None:
    """Print ratios to the first mode, and of one lane to all."""
    base = next(iter(found.values()))
    for mode, each in found.items():
        report.add(f"{model}, {mode}: block sizes", str(each["numerics"]["block_rows"]))
        for n, seconds in each["evaluation"].items():
            ratio = seconds / base["evaluation"][n]
            report.add(f"{model}, {mode}: {n} rows, to reproducible", ratio)
        alone, together = each["samples"]["1"], each["samples"][str(LANES)]
        report.add(f"{model}, {mode}: one sample to {LANES} at once", alone / together)
        report.add(f"{model}, {mode}: rows of a tick at most", each["width"])
        report.add(f"{model}, {mode}: {LANES} in such ticks, to at once", each["divided"])
        same = each["numerics"]["fingerprint"] == base["numerics"]["fingerprint"]
        report.add(f"{model}, {mode}: the same bits", "yes" if same else "no")


def table(model: str, found: dict[str, dict[str, Any]]) -> str:
    """One model's figures in Markdown."""
    base = next(iter(found.values()))
    heads = " | ".join(f"{n} rows" for n in ROWS)
    lines = [
        f"## {model}",
        "",
        f"| kernels | {heads} | one sample to {LANES} at once | smallest block | bits |",
        "|---|" + "---:|" * (len(ROWS) + 2) + "---|",
    ]
    for mode, each in found.items():
        ratios = [seconds / base["evaluation"][n] for n, seconds in each["evaluation"].items()]
        cells = [f"{ratio:.2f}" for ratio in ratios]
        cells.append(f"{each['samples']['1'] / each['samples'][str(LANES)]:.2f}")
        cells.append(str(each["numerics"]["block_rows"][0]))
        cells.append(each["numerics"]["fingerprint"][7:15])
        lines.append(f"| {mode} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def page(tables: list[str]) -> str:
    """What ``--docs`` writes."""
    about = numerics.describe()
    return "\n".join(
        [
            "# What reproducible kernels cost",
            "",
            f"Written by `python -m benchmarks.kernels --docs` on one processor ({processor()}; "
            f"{about['library']}, {about['instructions']}, one thread). Seconds of an evaluation "
            "relative to reproducible kernels, each mode in processes of its own that took turns.",
            "",
            "*Reproducible* (`MKL_CBWR=AUTO,STRICT`) is what Sureflow decides on. *Portable* "
            "(`--portable`) has the same bits on all x86 processors with AVX2. *AVX2, of one "
            "vendor* differs from it in MKL's branch alone, `AVX2,STRICT`: that is not portable, "
            "since MKL takes it for `AUTO` on processors that are not Intel's.",
            "",
            *tables,
            "One processor was at hand. That portable bits are the same elsewhere was seen on "
            "processors that were emulated (Haswell, Skylake, Ice Lake without AVX512, EPYC Rome) "
            "and with MKL made to take this one for Intel's: "
            "`pytest -m 'slow or not slow' tests/models/test_numerics.py`.",
            "",
        ]
    )


def processor() -> str:
    """Vendor, family and model."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    said = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    return f"{said['model name']}, family {said['cpu family']}, model {said['model']}"


if __name__ == "__main__":
    main()
