"""How confident to be so that few of the accepted samples are bad, certified by a judge."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import ceil
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from sureflow.confidence.stratified import Bounds, Stratified, stratified
from sureflow.core.arrays import Flags, Floats, Integers
from sureflow.core.provenance import Provenance

DELTA = 0.1
"""Risk that the bad rate among the accepted is above what was certified."""

FIRST_ACCEPTED, LARGEST_FIRST_SHARE = 800, 0.5
"""Judged samples that are expected to reach the first threshold of the sequence, enough to certify
1 % where 4 of them are bad; but at most this share of all."""

JUDGED, CONFIDENCE, BOUND = "judged", "judged/confidence", "judged/bound"
"""Section in the file of the calibration and entry of its metadata; the tensors of the section."""


STRATA = "strata"
"""Name of the tensors about strata, of their names in the note, and of what the card says."""


@dataclass(frozen=True)
class Conformal:
    """Bad rates that are certified at thresholds of confidence.

    For every rate ``r`` that is chosen without looking at the bounds: with probability
    ``1 - delta`` over the judged samples, no more than a share ``r`` of the samples that are
    accepted at ``threshold(r)`` is bad. Nothing is assumed about the judge or about how confidence
    and badness go together; only that samples to come are drawn as those that were judged: same
    model, solver, steps and guidance, and classes in the same shares.

    The thresholds, hundredths, are fixed before anything is drawn. Of the judged samples that reach
    one of them the number that is bad is binomial, so the Clopper-Pearson bound (Biometrika 26,
    1934) is above the true rate with probability ``1 - delta``. (Classes that take turns spread it
    less than a binomial: Hoeffding, Ann. Math. Stat. 27, 1956.) Thresholds are tested in a fixed
    sequence, from the strictest down, which stops at the first that fails, so that one certificate
    alone can go wrong (Angelopoulos et al., Learn then Test, 2021); the running maximum of the
    bounds says so. The sequence begins at :func:`first_threshold`, not at 1, because few accepted
    samples certify nothing, though none of them is bad: 1 % takes 230.

    Attributes:
        confidence: Thresholds, descending, ``[K]``.
        bound: Rate certified at each, ascending, ``[K]``.
        note: How the samples were drawn and judged: ``judge``, ``draws``, ``seed``, ``score``,
            ``delta``, the names of their setting, and ``bad_rate`` among all of them; ``setting``
            where that is not of the kind of the reference draws.
        stratified: What is certified of each stratum; None where nobody knows of which stratum the
            samples were.
    """

    confidence: Floats
    bound: Floats
    note: dict[str, Any]
    stratified: Stratified | None = None

    def threshold(self, max_bad_rate: float) -> float | None:
        """Lowest confidence certified for this bad rate; ``None`` if there is none."""
        certified = self.confidence[self.bound <= max_bad_rate]
        return float(certified[-1]) if len(certified) else None

    def summary(self) -> dict[str, Any]:
        """What a model card says about it: the note and the pairs of threshold and bound."""
        pairs = zip(self.confidence.tolist(), self.bound.tolist(), strict=True)
        said = {} if self.stratified is None else {STRATA: self.stratified.summary()}
        return {**self.note, "thresholds": [list(pair) for pair in pairs], **said}

    def noted(self) -> dict[str, Any]:
        """The note that the file of the calibration has of it."""
        known = {} if self.stratified is None else {STRATA: self.stratified.strata}
        return {**self.note, **known}

    @property
    def version(self) -> str:
        """What tells it from any other."""
        return version_of(self.summary())

    def tensors(self) -> dict[str, Floats]:
        """The tensors that the file of the calibration has of it."""
        found = {"confidence": self.confidence, "bound": self.bound}
        parts = {} if self.stratified is None else self.stratified.tensors()
        return found | {f"{STRATA}/{name}": part for name, part in parts.items()}

    @classmethod
    def read(cls, tensors: Mapping[str, Floats], note: str | None) -> Conformal | None:
        """Read :meth:`tensors`, and :meth:`noted` as a text; ``None`` if there is no note.

        Raises:
            ValueError: The tables are no tables of this kind.
        """
        if note is None:
            return None
        confidence, bound = tensors.get("confidence"), tensors.get("bound")
        if confidence is None or bound is None:
            raise ValueError(f"lacks {CONFIDENCE} or {BOUND}")
        if confidence.ndim != 1 or confidence.shape != bound.shape or not len(bound):
            raise ValueError(f"has shapes {confidence.shape} and {bound.shape} in {JUDGED}/")
        if not ((np.diff(confidence) < 0).all() and (np.diff(bound) >= 0).all()):
            raise ValueError(f"{CONFIDENCE} does not fall, or {BOUND} does not rise")
        if not (0 <= confidence[-1] <= confidence[0] <= 1 and 0 < bound[0] <= bound[-1] <= 1):
            raise ValueError(f"{CONFIDENCE} is not in 0 .. 1, or {BOUND} is no rate")
        said = _Judged.read(note)
        names = said.pop(STRATA, None)
        if names is None:
            return cls(confidence, bound, said)
        start = f"{STRATA}/"
        parts = {n.removeprefix(start): e for n, e in tensors.items() if n.startswith(start)}
        return cls(confidence, bound, said, Stratified.read(parts, names))


def version_of(summary: Mapping[str, Any]) -> str:
    """The version of the certificate with this summary: ``sha256:`` and a hash of it."""
    return f"sha256:{sha256(json.dumps(summary, sort_keys=True).encode()).hexdigest()}"


class _Judged(Provenance):
    """What others rely on of the note."""

    score: str
    delta: Annotated[float, Field(gt=0, lt=1)]
    strata: Annotated[list[str], Field(min_length=1)] | None = None


def certify(
    confidence: Floats,
    bad: Flags,
    note: Mapping[str, Any],
    delta: float = DELTA,
    strata: Sequence[str] = (),
) -> Conformal:
    """Certify bad rates, each at a risk ``delta``, from judged samples.

    ``confidence [m]`` is NaN for samples that have none, which no threshold accepts. ``bad [m]``
    has the verdicts, and ``note`` says how the samples were drawn and judged. ``strata [m]`` has
    the stratum of each; without them nothing is certified of strata.

    Raises:
        ValueError: They do not fit together.
    """
    if confidence.ndim != 1 or confidence.shape != bad.shape:
        raise ValueError(f"{confidence.shape} confidences and {bad.shape} judgements")
    thresholds = _thresholds(len(bad))
    accepted = confidence >= thresholds[:, None]
    said = {**note, "draws": len(bad), "bad_rate": float(bad.mean())}
    made = certified(thresholds, (accepted & bad).sum(1), accepted.sum(1), said, delta)
    if not strata:
        return made
    of = np.array(strata)
    if len(of) != len(bad):
        raise ValueError(f"{len(of)} strata of {len(bad)} samples")
    names, sizes = np.unique(of, return_counts=True)

    def tally(name: str, levels: Floats) -> tuple[Integers, Integers]:
        reached = confidence[of == name] >= levels[:, None]
        return (reached & bad[of == name]).sum(1), reached.sum(1)

    levels = _thresholds(int(sizes.min()))
    return replace(made, stratified=stratified(names.tolist(), levels, tally, delta, upper_bounds))


def _thresholds(draws: int) -> Floats:
    """The sequence of thresholds for so many judged samples, strictest first."""
    return np.arange(round(100 * first_threshold(draws)), -1, -1) / 100


def certified(
    thresholds: Floats,
    bad: Integers,
    count: Integers,
    note: Mapping[str, Any],
    delta: float = DELTA,
    bounds: Bounds | None = None,
) -> Conformal:
    """The certificate of a fixed sequence of thresholds, strictest first, ``[K]``.

    Of the judged samples ``count [K]`` reach each, and ``bad [K]`` of these are bad. By default the
    ``bounds`` are those of :func:`upper_bounds`.
    """
    found = (bounds or upper_bounds)(bad, count, delta)
    said = {"bad_rate": float(bad[-1] / max(count[-1], 1)), **note, "delta": delta}
    return Conformal(thresholds, np.maximum.accumulate(found), said)


def first_threshold(draws: int) -> float:
    """Strictest confidence that is certified from so many judged samples, in hundredths.

    A share ``1 - c`` of all samples has a confidence of at least ``c``, since it is uniform.
    """
    return 1 - ceil(100 * min(FIRST_ACCEPTED / draws, LARGEST_FIRST_SHARE)) / 100


def upper_bounds(bad: Integers, count: Integers, delta: float = DELTA) -> Floats:
    """Clopper-Pearson bounds ``[K]``, which the true rate exceeds with a probability of ``delta``.

    At these rates ``bad [K]`` or fewer of ``count [K]`` have that probability. The bound is 1 where
    all are bad, or there are none.
    """
    from scipy.stats import beta  # takes a second to load, and servers need no bounds

    bounds: Floats = np.where(bad < count, beta.ppf(1 - delta, bad + 1, count - bad), 1.0)
    return bounds
