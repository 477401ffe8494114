"""Molecules: ``python -m benchmarks.discrete molecules --docs docs/benchmarks``.

Samples are compared with the held-out molecules of MOSES, which ``make data`` installs. It needs
the extra ``molecules``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from benchmarks.discrete.chemistry import PROPERTIES, Judged, distances, diversity, judge
from benchmarks.discrete.page import write
from benchmarks.report import Report, options
from sureflow.checkpoint import load
from sureflow.core.family import family_of
from sureflow.core.halving import halve
from sureflow.core.lane import Sample
from sureflow.evaluation.auroc import auroc
from sureflow.families.tokens.codec import text_of
from sureflow.families.tokens.scores.catalogue import SCORES
from sureflow.families.tokens.spec import TokenSpec
from sureflow.model import Model
from sureflow.sampling.halved import run_halved
from sureflow.sampling.sample import run
from sureflow.training.molecules.sequences import LENGTH, LOGP, moses_folder, read_smiles

SEED = 5
COUNT, HELD_OUT = 10_000, 5000
FREE = tuple(name for name, meaning in SCORES.items() if not meaning.conditioned)
REQUEST = 40
"""Samples of a request, half of which are wanted."""

FEWEST = 20
"""Misses, and others, by which scores are compared."""

ASKED = (1.2, 1.9, 2.5, 3.0, 3.4)
"""Values of logP that are asked for."""

SAMPLERS: dict[str, dict[str, Any]] = {
    "ancestral, 32 steps": {},
    "ancestral, 8 steps": {"steps": 8},
    "first hitting": {"method": "first_hitting"},
    "confidence, 32 steps": {"method": "confidence"},
    "confidence, temperature 0.6": {"method": "confidence", "temperature": 0.6},
    "remasking, 64 steps": {"method": "remasking", "steps": 64, "remask": 0.2},
}
"""Ways to draw molecules; the first is how all else is drawn."""

Flags = npt.NDArray[np.bool_]


def main(arguments: Sequence[str]) -> None:
    """Draw molecules, judge them, and print and write the figures."""
    parser = options(__doc__)
    parser.add_argument("--moses", type=Path, help="folder of MOSES's lists, if not installed")
    parser.add_argument("--model", default="molecules")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--part", choices=PARTS, help="only this one")
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FOLDER",
        help="write page and figures here; keeps those of parts that do not run",
    )
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.count = 100
    report, model = Report("discrete-molecules"), load(asked.model)
    record = None if asked.docs is None else asked.docs / "discrete-molecules.json"
    if record is not None and record.exists():
        report.figures.update(json.loads(record.read_text())["figures"])
    for name, part in PARTS.items():
        if asked.part in (None, name):
            part(report, model, asked)
    report.write(asked.json)
    if record is not None:
        report.write(record)
        write(report.figures, asked.docs / "molecules.md")


def lanes(count: int, **fields: Any) -> list[TokenSpec]:
    """Lanes to draw."""
    return [TokenSpec(SEED, index, **fields) for index in range(count)]


def _drawn(report: Report, model: Model, asked: argparse.Namespace) -> None:
    """Validity, scores, novelty and distances of unconditional samples."""
    report.add("samples", asked.count)
    samples = run(model, lanes(asked.count, scores=_first(model, FREE)), 64)
    judged = judged_of(samples)
    bad, size = ~judged.valid, np.array([len(text) for text in judged.texts])
    doubt = np.array([one.uncertainty for one in samples])
    rank = doubt.argsort(kind="stable").argsort(kind="stable") / len(samples)
    report.add("valid", share(~bad))
    report.add("valid, confident half", share(~bad[rank < 0.5]))
    report.add("valid, confident 80 %", share(~bad[rank < 0.8]))
    report.add("valid, least sure tenth", share(~bad[rank >= 0.9]))
    report.add("default score", model.score)
    for name in FREE:
        values = np.array([one.scores[name] for one in samples])
        report.add(f"AUROC for invalid, {name}", auroc(values, bad))
        report.add(f"correlation with length, {name}", float(spearmanr(values, size)[0]))
    folder = asked.moses or moses_folder()
    held_out = chosen(read_smiles(folder / "test.csv.gz"), HELD_OUT)
    known = {*read_smiles(folder / "train.csv.gz")}
    reference = judge(held_out).properties
    of = {"all": judged.valid, "confident half": judged.valid & (rank < 0.5)}
    for name, part in of.items():
        _compared(report, name, judged.where(part), reference, known)
    floor = judge(chosen([*known], min(int(judged.valid.sum()), HELD_OUT))).properties
    for property, distance in distances(floor, reference).items():
        report.add(f"distance of {property}, training molecules", distance)


def _compared(
    report: Report, name: str, judged: Judged, reference: npt.NDArray[np.float64], known: set[str]
) -> None:
    """What is said of valid molecules."""
    different = [*dict.fromkeys(judged.canonical)]
    report.add(f"unique of the valid, {name}", len(different) / max(len(judged.canonical), 1))
    novel = np.array([one not in known for one in different])
    report.add(f"novel of the unique, {name}", share(novel))
    report.add(f"internal diversity, {name}", diversity(different))
    for property, distance in distances(judged.properties, reference).items():
        report.add(f"distance of {property}, {name}", distance)


def _samplers(report: Report, model: Model, asked: argparse.Namespace) -> None:
    """Validity by sampler."""
    count = max(asked.count // 5, 20)
    report.add("samples of each sampler", count)
    for name, fields in SAMPLERS.items():
        samples = run(model, lanes(count, scores=("surprise",), **fields), 64)
        judged = judged_of(samples)
        unique = len({*judged.where(judged.valid).canonical})
        report.add(f"valid, {name}", share(judged.valid))
        report.add(f"unique of the valid, {name}", unique / max(int(judged.valid.sum()), 1))
        report.add(f"evaluations, {name}", float(np.mean([one.evaluations for one in samples])))


def _saved(report: Report, model: Model, asked: argparse.Namespace) -> None:
    """What early stopping and halving save, and lose, if half of the samples is wanted."""
    specs = lanes(REQUEST * max(asked.count // 75, 2), scores=(model.score,))
    report.add("samples that were filtered", len(specs))
    whole = run(model, specs, 64)
    spent = sum(one.evaluations for one in whole)
    if model.calibration is not None and model.score in model.calibration.early:
        early = run(model, [replace(one, early=0.5) for one in specs], 64)
        passing = np.array([(one.confidence or 0.0) >= 0.5 for one in whole])
        stopped = np.array([one.finish_reason == "abandoned" for one in early])
        report.add("early, evaluations saved", 1 - sum(one.evaluations for one in early) / spent)
        report.add("early, accepted that are lost", share(stopped[passing]))
    requests = [specs[at : at + REQUEST] for at in range(0, len(specs), REQUEST)]
    halving = halve(REQUEST, REQUEST // 2, family_of(model.card).rungs(specs[0]))
    halved = run_halved(model, requests, halving, 64)
    doubt = np.array([one.uncertainty for one in whole]).reshape(-1, REQUEST)
    best = {
        (number, at)
        for number, row in enumerate(doubt)
        for at in np.argsort(row)[: REQUEST // 2].tolist()
    }
    kept = {
        (number, at)
        for number, samples in enumerate(halved)
        for at, one in enumerate(samples)
        if one.finish_reason == "converged"
    }
    after = sum(one.evaluations for samples in halved for one in samples)
    report.add("halving, evaluations saved", 1 - after / spent)
    report.add("halving, best half that are lost", 1 - len(best & kept) / len(best))


def _conditioned(report: Report, model: Model, asked: argparse.Namespace) -> None:
    """How well a requested logP is met, and which score finds the molecules that miss it."""
    names = _first(model, tuple(SCORES))
    deviation = model.network.scales[LOGP][1]
    report.add("samples with a condition", asked.count // 3)
    for scale in (1.0, 2.0):
        specs = [
            replace(
                lane,
                condition={LOGP: np.full(1, ASKED[lane.index % len(ASKED)], np.float32)},
                guidance=scale,
            )
            for lane in lanes(asked.count // 3, scores=names)
        ]
        samples = run(model, specs, 64)
        judged = judged_of(samples)
        wanted = np.array([float(spec.condition[LOGP][0]) for spec in specs])
        valid = judged.valid
        off = np.abs(judged.properties[:, PROPERTIES.index("logP")] - wanted)[valid]
        missed = off > deviation
        at = f"guidance {scale:g}"
        report.add(f"valid, {at}", share(valid))
        report.add(f"mean error of logP, {at}", float(off.mean()))
        report.add(f"misses by more than a deviation, {at}", share(missed))
        if min(int(missed.sum()), int((~missed).sum())) < FEWEST:
            continue
        for name in names:
            values = np.array([one.scores[name] for one in samples])[valid]
            report.add(f"AUROC for misses, {name}, {at}", auroc(values, missed))


def judged_of(samples: Sequence[Sample]) -> Judged:
    """What RDKit says of samples."""
    return judge([text_of(one.data) for one in samples])


def share(which: npt.NDArray[np.bool_]) -> float:
    """Share of those that are true; NaN of none."""
    return float(which.mean()) if len(which) else float("nan")


def chosen(texts: Sequence[str], count: int) -> list[str]:
    """So many texts of at most the length of samples, at random."""
    fitting = [text for text in texts if len(text) <= LENGTH]
    order = np.random.default_rng(SEED).permutation(len(fitting))[:count]
    return [fitting[at] for at in order]


def _first(model: Model, names: Sequence[str]) -> tuple[str, ...]:
    """The names, that of the default score first."""
    return (model.score, *(name for name in names if name != model.score))


PARTS = {"drawn": _drawn, "samplers": _samplers, "saved": _saved, "asked": _conditioned}
"""What can be measured by itself."""
