"""The table of models: imported, compared, and timed."""

from __future__ import annotations

import traceback
from contextlib import nullcontext
from pathlib import Path

from benchmarks.foreign.catalogue import PEERS
from benchmarks.foreign.cost import measured
from benchmarks.foreign.equal import compared
from benchmarks.foreign.imported import imported, prepare
from benchmarks.foreign.peer import said
from benchmarks.foreign.served import same_bytes
from benchmarks.foreign.torchvision_gap import filled
from benchmarks.report import Report
from sureflow.sampling.evaluator import main_head

TIMES = ("bare", "row", "step")
"""Figures that are times, or ratios of them."""

SERVED = ("unet-noise", "dit", "torchcfm", "pt2")
"""Models that a server is started for."""


def measure(report: Report, quick: bool, work: Path, only: list[str], timed: bool) -> None:
    """Add the figures of every model whose package is installed; those of others stay.

    Args:
        report: Gets the figures; has those of earlier runs.
        quick: Whether to time few passes.
        work: Where models are trained and kept.
        only: Names of the models; all if there are none.
        timed: Whether to measure times, too; else those of an earlier run stay.
    """
    for name, peer in PEERS.items():
        if only and name not in only:
            continue
        if peer.missing and f"{name}: difference" in report.figures:
            continue
        kept = () if timed else tuple(f"{name}: {figure}" for figure in TIMES)
        for label in [each for each in report.figures if each.startswith(f"{name}: ")]:
            if label not in kept:
                del report.figures[label]
        report.add(f"{name}: model", peer.title)
        gap = filled(work / "gap") if "torchvision" in peer.modules else nullcontext()
        with gap:
            _tried(report, name, quick, work, timed)


def _tried(report: Report, name: str, quick: bool, work: Path, timed: bool) -> None:
    if PEERS[name].missing:
        report.add(f"{name}: missing", PEERS[name].missing)
        return
    try:
        _one(report, name, quick, work, timed)
    except Exception as error:  # other packages raise anything; the others go on
        traceback.print_exc()
        report.add(f"{name}: missing", str(error)[:200])


def _one(report: Report, name: str, quick: bool, work: Path, timed: bool) -> None:
    peer, folder = PEERS[name], work / name
    network = prepare(peer, folder, work)
    model, printed = imported(peer, folder)
    report.add(f"{name}: package", f"{peer.package} {peer.version}")
    path, prediction = said(model.network.convention)
    report.add(f"{name}: prediction", prediction)
    report.add(f"{name}: path", path)
    own = sum(z.numel() for z in model.network.parameters())
    whole = own or sum(z.numel() for z in network.parameters())  # a program holds them as bytes
    report.add(f"{name}: parameters", whole)
    report.add(f"{name}: divergence", "yes" if model.card.differentiable else "no")
    report.add(f"{name}: lines", peer.lines)
    difference, _ = compared(peer, network, model)
    report.add(f"{name}: difference", difference)
    report.add(f"{name}: blocks", ", ".join(map(str, main_head(model).sizes)))
    if timed:
        cost = measured(peer, network, model, 3 if quick else 15)
        for figure, value in zip(TIMES, (cost.bare * 1e3, cost.row, cost.step), strict=True):
            report.add(f"{name}: {figure}", value)
    if name in SERVED:
        same = same_bytes(peer, folder, model)
        report.add(f"{name}: served", "equal" if same else "DIFFERENT")
    report.add(f"{name}: printed", printed)
