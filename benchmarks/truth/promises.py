"""How often certificates promise too much: judged samples are resplit 200 times, or drawn anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.report import Report
from benchmarks.truth.off_support import off_support
from sureflow.checkpoint import load
from sureflow.confidence.anytime import anytime_bounds
from sureflow.confidence.certificate import DELTA, Conformal, certify, upper_bounds
from sureflow.confidence.stratified import Bounds
from sureflow.core.arrays import Flags, Floats
from sureflow.evaluation.digit_reader import misread
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.networks import GaussianMixture
from sureflow_server.filters.any_good import choices

SPLITS, SEED = 200, 77
MODELS = {"digits": 5000, "ring": 40_000}
"""Judged samples, of which :data:`JUDGED` make the certificate."""

JUDGED = {"digits": 2000, "ring": 2000, "known": 2000}
RATES = {"digits": (0.01, 0.02), "ring": (0.005, 0.01), "known": (0.15, 0.2)}
PER_CLASS = {"digits": (0.02, 0.05, 0.1), "known": (0.05, 0.2)}
PROBABILITIES = {"digits": (0.9, 0.99, 0.999), "ring": (0.99, 0.999), "known": (0.5, 0.9, 0.99)}
MOST = 64
"""Samples of a request."""

BASE, SLOPE = np.array([0.001, 0.01, 0.05, 0.3]), np.array([0.02, 0.1, 0.3, 0.6])
"""Of the classes of ``known``: a sample of confidence ``c`` is bad at ``base + slope (1 - c)``."""

Rate = Callable[[str | None, float], float]
"""Bad rate of what is accepted of a class, or of all, from a confidence on."""


@dataclass(frozen=True)
class Judged:
    """Judged samples, their classes in equal shares: each ``[n]``."""

    confidence: Floats
    bad: Flags
    of: Sequence[str]

    @property
    def strata(self) -> list[str]:
        """The classes."""
        return sorted({*self.of})

    def part(self, places: Any) -> Judged:
        """Some of them."""
        return Judged(self.confidence[places], self.bad[places], np.array(self.of)[places].tolist())

    def rate(self, stratum: str | None, level: float) -> float:
        """Bad rate from a confidence on; 0 where there is nothing."""
        accepted = self.confidence >= level
        if stratum is not None:
            accepted &= np.array(self.of) == stratum
        return float(self.bad[accepted].mean()) if accepted.any() else 0.0

    def certificate(self) -> Conformal:
        """What they certify."""
        return certify(self.confidence, self.bad, {"score": ""}, strata=self.of)


def measure(report: Report, quick: bool, cache: Path) -> None:
    """Add how often each promise was broken.

    ``broken`` compares with the population that the judged samples were drawn from, which is what
    is promised; ``worse in the rest`` with the samples that were not judged, which by themselves
    are above or below their rate by chance.

    Args:
        report: Where to.
        quick: Fewer samples and splits.
        cache: Folder of the judged samples; those missing are drawn.
    """
    splits = 20 if quick else SPLITS
    for name in ("known", *MODELS):
        counts = _Counts(name)
        for made, true, rest in _trials(name, splits, quick, cache):
            counts.add(made, true, rest)
        counts.write(report, splits)
    _needed(report)


def _trials(
    name: str, splits: int, quick: bool, cache: Path
) -> Iterator[tuple[Conformal, Rate, Rate]]:
    """Certificates, and the true and the remaining bad rates.

    What is judged is drawn with replacement from a pool, so that the rates of the pool are the true
    ones; what was not drawn remains.
    """
    rng = np.random.default_rng(SEED)
    if name == "known":
        for _ in range(splits):
            yield _known(rng, JUDGED[name]).certificate(), _true, _known(rng, 20_000).rate
        return
    pool = _drawn(name, 600 if quick else MODELS[name], cache)
    share = JUDGED[name] if not quick else 300
    each = share // len(pool.strata)
    of = np.array(pool.of)
    for _ in range(splits):
        chosen = np.concatenate(
            [rng.choice(np.flatnonzero(of == stratum), each) for stratum in pool.strata]
        )
        left = np.setdiff1d(np.arange(len(of)), chosen)
        yield pool.part(chosen).certificate(), pool.rate, pool.part(left).rate


def _known(rng: np.random.Generator, count: int) -> Judged:
    """Samples of a population whose rates are known."""
    of, confidence = np.arange(count) % len(BASE), rng.random(count)
    bad = rng.random(count) < BASE[of] + SLOPE[of] * (1 - confidence)
    return Judged(confidence, bad, of.astype(str).tolist())


def _true(stratum: str | None, level: float) -> float:
    rates = BASE + SLOPE * (1 - level) / 2
    return float(rates.mean() if stratum is None else rates[int(stratum)])


def _drawn(name: str, count: int, cache: Path) -> Judged:
    """Judged samples of a model, by a judge that nothing of it was fitted to."""
    model = load(name)
    known = hashlib.sha256(f"{model.card.version} {model.card.calibration_version}".encode())
    file = cache / f"promises-{name}-{count}-{known.hexdigest()[:12]}.npz"
    if not file.exists():
        samples = draw_balanced(
            model, count, SEED, method="heun", steps=20, scores=(model.score,), quiet=True
        )
        if name == "ring":
            exact = load("ring-exact").network
            assert isinstance(exact, GaussianMixture)
            ends = torch.from_numpy(np.stack([sample.data for sample in samples]))
            bad = off_support(ends, exact).numpy()
        else:
            bad = np.array(misread(samples))
        confidence = [np.nan if s.confidence is None else s.confidence for s in samples]
        of = ["" if s.spec.label is None else str(s.spec.label) for s in samples]
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, confidence=np.array(confidence), bad=bad.astype(bool), of=np.array(of))
    with np.load(file) as kept:
        return Judged(kept["confidence"], kept["bad"], kept["of"].tolist())


class _Counts:
    """What came of the trials of a model."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[str, list[tuple[float, bool, bool]]] = {
            f"{promise} {value:g}": []
            for promise, values in (
                ("max_bad_rate", RATES[name]),
                ("per class", PER_CLASS.get(name, ())),
                ("any_good", PROBABILITIES[name]),
            )
            for value in values
        }
        """By promise: how much was accepted, or of classes certified, and whether it was broken."""

    def add(self, made: Conformal, true: Rate, rest: Rate) -> None:
        """Hold a certificate against the rates."""
        for rate in RATES[self.name]:
            level = made.threshold(rate)
            if level is not None:
                found = true(None, level) > rate, rest(None, level) > rate
                self._row(f"max_bad_rate {rate:g}", 1 - level, *found)
        told = made.stratified
        assert told is not None
        for rate in PER_CLASS.get(self.name, ()):
            levels = {name: told.threshold(name, rate) for name in told.strata}
            kept = {name: level for name, level in levels.items() if level is not None}
            if kept:
                broken, worse = (
                    any(of(name, level) > rate for name, level in kept.items())
                    for of in (true, rest)
                )
                self._row(f"per class {rate:g}", len(kept) / len(levels), broken, worse)
        for wanted in PROBABILITIES[self.name]:
            self._any_good(made, wanted, true, rest)

    def _any_good(self, made: Conformal, wanted: float, true: Rate, rest: Rate) -> None:
        assert made.stratified is not None
        broken, worse, count = False, False, []
        for name, said in made.stratified.summary().items():
            for choice in choices(said["any_good"], wanted, MOST)[:1]:
                count.append(choice.count)
                broken |= true(name, choice.minimum) ** choice.count > 1 - wanted
                worse |= rest(name, choice.minimum) ** choice.count > 1 - wanted
        if count:
            self._row(f"any_good {wanted:g}", float(np.mean(count)), broken, worse)

    def _row(self, promise: str, value: float, broken: bool, worse: bool) -> None:
        self.rows[promise].append((value, broken, worse))

    def write(self, report: Report, splits: int) -> None:
        """Add it to a report."""
        for promise, rows in self.rows.items():
            title = f"promises, {self.name}, {promise}"
            report.add(f"{title}: broken", 100 * sum(row[1] for row in rows) / splits, "%")
            worse = sum(row[2] for row in rows)
            report.add(f"{title}: worse in the rest", 100 * worse / splits, "%")
            report.add(f"{title}: given", 100 * len(rows) / splits, "%")
            value = float(np.mean([row[0] for row in rows])) if rows else 0.0
            report.add(f"{title}: {_meant(promise)}", value)


def _meant(promise: str) -> str:
    if promise.startswith("any_good"):
        return "samples returned"
    return "share of classes" if promise.startswith("per class") else "share accepted"


NEEDED = ((0.005, 5000), (0.005, 2000), (0.01, 2000), (0.02, 5000), (0.02, 2000))
"""Rates, and judged samples."""

SHARE = 0.6


def _needed(report: Report) -> None:
    """What it takes to certify a rate: how many accepted, and how many of them may be bad."""
    counts = np.arange(1, 5000)
    kinds: dict[str, tuple[int, Bounds]] = {
        "all": (1, upper_bounds),
        "all at any time": (1, anytime_bounds),
        "each of ten classes": (10, upper_bounds),
    }
    for what, (classes, bound) in kinds.items():
        for rate, judged in NEEDED:
            each, risk = judged // classes, DELTA / classes
            fewest = counts[bound(0 * counts, counts, risk) <= rate][0]
            accepted = int(SHARE * each)
            bads = np.arange(accepted + 1)
            bounds = bound(bads, np.full(len(bads), accepted), risk)
            title = f"needed, {what}, {rate:g}, {judged}"
            report.add(f"{title}: accepted, none bad", int(fewest))
            report.add(f"{title}: that share of the judged", 100 * fewest / each, "%")
            report.add(f"{title}: bad allowed at 60 % accepted", int((bounds <= rate).sum()) - 1)


def fragment(figures: dict[str, Any]) -> str:
    """The figures as a section with tables."""
    lines = [
        "## Promises",
        "",
        f"Certificates of 2,000 judged samples, {SPLITS} times, which are drawn with replacement",
        "from a pool. *Broken*: in the pool, or by the closed form for `known`, a larger share",
        "was bad than was promised, or a larger share of requests had no good sample; with",
        "classes, in any of them. It may happen in 10 %. *Worse in the rest*: the same among",
        "the samples that were not drawn, which are above or below the true rate by chance.",
        "*Given*: how often anything was promised. `known` is a population of four classes, of",
        "which 1 to 60 % are bad. The judges, somebody else's reader of digits and the exact",
        "support of `ring`, met nothing of the models.",
        "",
        "| model | promise | broken | worse in the rest | given | accepted, classes, or samples |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for title in _titles(figures, "promises, ", ": broken"):
        _, name, promise = title.split(", ")
        shares = (figures[f"{title}: {what}"] for what in ("broken", "worse in the rest", "given"))
        value = figures[f"{title}: {_meant(promise)}"]
        shown = f"{value:.2f}" if promise.startswith("any_good") else f"{100 * value:.0f} %"
        cells = " | ".join(f"{share:.1f} %" for share in shares)
        lines.append(f"| {name} | {promise} | {cells} | {shown} |")
    lines += [
        "",
        "What it takes to certify a rate. A judge run has the bound of Clopper and Pearson,",
        "which no other for a fixed number of judged samples is below at every count. One may",
        "look at a review at any time, which takes more.",
        "",
        "| of | rate | judged | accepted, none bad | share | bad allowed at 60 % accepted |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for title in _titles(figures, "needed, ", ": accepted, none bad"):
        _, what, rate, judged = title.split(", ")
        fewest = figures[f"{title}: accepted, none bad"]
        share = figures[f"{title}: that share of the judged"]
        allowed = figures[f"{title}: bad allowed at 60 % accepted"]
        shown = f"{share:.1f} %" if share <= 100 else "too few"
        bad = str(allowed) if allowed >= 0 else "not certified"
        lines.append(
            f"| {what} | {100 * float(rate):g} % | {int(judged):,} | {fewest} | {shown} | {bad} |"
        )
    return "\n".join(lines)


def _titles(figures: dict[str, Any], start: str, end: str) -> list[str]:
    return [n.removesuffix(end) for n in figures if n.startswith(start) and n.endswith(end)]
