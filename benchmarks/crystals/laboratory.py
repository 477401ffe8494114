"""What a laboratory asks for, over HTTP: structures of compositions that a judge accepts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.crystals.drawn import held_out
from benchmarks.crystals.judges import FOLDER, steps_of
from benchmarks.crystals.pipeline import BATCH, MOST, Bill, order, rows
from benchmarks.crystals.table import FEWEST, RELAXED
from benchmarks.report import Report
from sureflow.evaluation.crystals.known import shipped
from sureflow.families.crystals.formula import formula_of
from sureflow.folders import embedded_folder
from sureflow_client import Client, Sample

COMPOSITIONS, WANTED = 10, 16
"""Compositions that were not trained on, and structures of each that are wanted."""

QUICK = 1
"""How many of both with ``--quick``."""

MODEL, JUDGE = "crystals", "relaxed"
JUDGED_BY = f"{JUDGE}=benchmarks.crystals.judges:relaxed_above_best"

STAGES: dict[str, dict[str, Any]] = {
    "all to the judge": {},
    "the surest half to the judge": {"top": 8},
    "the surest quarter to the judge": {"top": 4},
}
"""First stages of the filter, of requests for 16."""

READY = re.compile(r"serving .* at (http://\S+)")
SEED = 7


def measure(report: Report, quick: bool, cache: Path, compositions: int, wanted: int) -> None:
    """Order the same structures with each first stage, and report the bills."""

    def steps(samples: list[Sample]) -> int:
        return steps_of((sample.array() for sample in samples), cache)

    cells = [cell for cell in held_out(shipped()) if len(cell) >= FEWEST]
    chosen = np.random.default_rng(SEED).permutation(len(cells))
    few, many = (QUICK, QUICK) if quick else (compositions, wanted)
    report.add("laboratory: compositions", few)
    report.add("laboratory: wanted of each", many)
    ordered = [cells[at] for at in chosen[:few]]
    report.add("laboratory: ordered", " ".join(formula_of(cell) for cell in ordered))
    then = {"by": f"judge:{JUDGE}", "max": RELAXED}
    with _serving(cache) as url, Client(url, timeout=600) as client:
        for name, stage in STAGES.items():
            bill, complete = Bill(), 0
            for cell in ordered:
                condition = {"composition": [*cell]}
                found = order(
                    client, MODEL, condition, many, then, stage, steps, seed=SEED, output="npy"
                )
                bill, complete = bill + found, complete + (found.accepted >= many)
            for field, value in asdict(bill).items():
                report.add(f"laboratory, {name}: {field}", value)
            report.add(f"laboratory, {name}: complete", complete)


@contextmanager
def _serving(cache: Path) -> Iterator[str]:
    """The address of a server of the models that ship, with the judge."""
    with tempfile.TemporaryDirectory(prefix="sureflow-") as kept:
        command = [sys.executable, "-m", "sureflow_server.cli", "serve", "--port", "0"]
        command += ["--models-dir", str(embedded_folder()), "--default-model", MODEL]
        command += ["--data-dir", kept, "--judge", JUDGED_BY, "--judge-timeout-s", "500"]
        command += ["--judge-processes", "1"]
        environment = {**os.environ, FOLDER: str(cache.resolve())}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        try:
            assert process.stdout is not None
            yield next(found[1] for line in process.stdout if (found := READY.search(line)))
        finally:
            process.terminate()
            process.communicate()


def fragment(figures: dict[str, Any]) -> str:
    """The bills as a section with a table."""
    count, wanted = (figures[f"laboratory: {what}"] for what in ("compositions", "wanted of each"))
    bills = [(name, _bill(figures, name)) for name in STAGES if _measured(figures, name)]
    complete = ", ".join(
        f"{name} {figures[f'laboratory, {name}: complete']} of {count}" for name, _ in bills
    )
    return "\n\n".join(
        [
            f"## {wanted} structures of each of {count} compositions",
            TEXT.format(
                ordered=figures["laboratory: ordered"], bound=RELAXED, batch=BATCH, most=MOST
            ),
            "\n".join(rows(bills)),
            f"Complete orders: {complete}.",
        ]
    )


def _measured(figures: dict[str, Any], name: str) -> bool:
    return f"laboratory, {name}: drawn" in figures


def _bill(figures: dict[str, Any], name: str) -> Bill:
    return Bill(**{field: figures[f"laboratory, {name}: {field}"] for field in asdict(Bill())})


TEXT = """Over HTTP, compositions that were not trained on: {ordered}. The judge of the filter
relaxes a structure by CHGNet and accepts it within {bound:g} eV/atom of the best known
polymorph. Requests are for {batch} structures, until as many are accepted as are
wanted, or {most} are drawn; of each request the surest part goes to the judge. Steps are those of
its relaxations."""
