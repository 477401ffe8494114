"""From raw uncertainty to a confidence in [0, 1]."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as save_tensors

from sureflow.confidence.calibration_file import STRATA, sections_of, strata_of, version_of, write
from sureflow.confidence.certificate import JUDGED, Conformal
from sureflow.confidence.certificates import (
    CONFORMAL,
    ELSEWHERE,
    edit_of,
    judged_setting,
    read_elsewhere,
)
from sureflow.confidence.early import EARLY, Early
from sureflow.confidence.measured import SHIFTS, Measurements
from sureflow.confidence.quantile_table import check_tables, ranks_in
from sureflow.confidence.ranges import calibrated_for
from sureflow.core.arrays import Floats
from sureflow.core.family import Family, families, family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.provenance import SETTINGS, Provenance
from sureflow.core.setting import Setting

CALIBRATION = "calibration.safetensors"
"""The file beside a checkpoint."""

Weights = Sequence[tuple[int, float]]
"""Numbers of references, and weights of their quantiles."""

FIRST: Weights = ((0, 1.0),)
"""The first of them alone."""

TABLES = 256
"""Tables between references that are kept."""

RANKS = np.linspace(0, 1, 1001)
"""By which it is told whether measurements agree about confidence."""

QUANTILES = "quantiles"
"""Section of the tables in the file, one per score."""

SCORE, UNCONDITIONAL = "score", "score_unconditional"
"""Entries of its metadata."""


def precision(draws: int) -> float:
    """How far the confidences of a table of so many draws are from shares, in 19 of 20 cases.

    The 95 % quantile of Kolmogorov's distribution over the root of their number.
    """
    return float(1.36 / draws**0.5)


@dataclass(frozen=True)
class Calibration:
    """Quantiles of every score among a model's own reference draws, by setting and stratum.

    The reference draws are of few settings. A lane is ranked among those of its stratum at the
    settings that its family names, and :mod:`sureflow.confidence.measured` turns the rank into a
    confidence at the lane's own setting. A score that a stratum cannot have has NaN in its table.

    Attributes:
        score: Name of the score that the model is best judged by.
        strata: Names of the strata, ``[S]``; the last is that of no condition.
        quantiles: By name of the score: ascending values at levels 0 .. 1, ``[R, S, LEVELS]``, for
            each of the :attr:`references`.
        settings: How the reference draws were made: draws in every stratum, seed.
        measured: What was measured of confidence at settings, the references first.
        early: When lanes may be abandoned, by name of the score.
        conformal: What a judge has certified; ``None`` if none was asked.
        elsewhere: What has been certified at settings that are not those of the reference draws.
        unconditional: Name of the score that is best without a condition; None: the same one.
        version: ``sha256:`` and the hash of the file that it was read from, if it was.
    """

    score: str
    strata: tuple[str, ...]
    quantiles: dict[str, Floats]
    settings: dict[str, Any]
    measured: Measurements
    early: dict[str, Early] = field(default_factory=dict)
    conformal: Conformal | None = None
    elsewhere: tuple[Conformal, ...] = ()
    unconditional: str | None = None
    version: str = field(default="", compare=False)

    @cached_property
    def references(self) -> tuple[Setting, ...]:
        """Settings of the reference draws, which have tables, ``[R]``."""
        return tuple(each.setting for each in self.measured.of[: len(self.quantiles[self.score])])

    @property
    def classes(self) -> int:
        """Number of strata of classes; the names of others are empty, or begin with a star."""
        return sum(bool(name) and not name.startswith("*") for name in self.strata)

    @property
    def without_condition(self) -> str:
        """Name of the score that the model is best judged by without a condition."""
        return self.unconditional or self.score

    @property
    def certificates(self) -> tuple[Conformal, ...]:
        """All of them."""
        return (*([] if self.conformal is None else [self.conformal]), *self.elsewhere)

    def setting_of(self, certificate: Conformal) -> Setting:
        """The setting of the samples that were judged for a certificate."""
        note = certificate.note
        return Setting.of(judged_setting(note, self.references[0].record()), edit_of(note) is None)

    def certified(self, certificate: Conformal) -> Calibration:
        """The same with a certificate, in place of one of the same setting, and the same edit."""
        setting, first = self.setting_of(certificate), self.conformal
        if "setting" not in certificate.note or (first and self.setting_of(first) == setting):
            return replace(self, conformal=certificate, version="")
        edit = edit_of(certificate.note)
        others = [
            each
            for each in self.elsewhere
            if self.setting_of(each) != setting or edit_of(each.note) != edit
        ]
        return replace(self, elsewhere=(*others, certificate), version="")

    def measured_anew(self, measured: Measurements) -> Calibration:
        """The same with other measurements.

        Certificates go whose samples have another confidence by them.
        """

        def holds(one: Conformal) -> bool:
            score, setting = one.note["score"], self.setting_of(one)
            return all(
                np.array_equal(
                    self.measured.confidence(RANKS, score, stratum, setting),
                    measured.confidence(RANKS, score, stratum, setting),
                )
                for stratum in self.strata
            )

        first = self.conformal if self.conformal is not None and holds(self.conformal) else None
        others = tuple(filter(holds, self.elsewhere))
        return replace(self, measured=measured, conformal=first, elsewhere=others, version="")

    def confidence(
        self, score: str, uncertainty: float, spec: LaneSpec, realised: float | None = None
    ) -> float | None:
        """Share of draws like this lane that are less sure, in [0, 1]; higher is surer.

        None for scores, strata and settings that have no table. ``realised`` is the value of its
        setting's axis that the lane came to, if not its own.
        """
        family = family_of(spec)
        setting = family.setting(spec, realised)
        if setting is None:
            return None
        weights = self.weights(family, setting)
        total = 0.0
        for stratum, weight in family.strata(spec):
            rank = self.ranks(score, np.array([uncertainty]), stratum, weights)[0]
            if not np.isfinite(rank):
                return None
            total += weight * float(self.measured.confidence(rank, score, stratum, setting))
        return total

    def calibrated_for(self, score: str, spec: LaneSpec, realised: float | None = None) -> bool:
        """Whether :meth:`confidence` was measured to be uniform among lanes like this one."""
        setting = family_of(spec).setting(spec, realised)
        return calibrated_for(self.measured.ranges, score, setting)

    def weights(self, family: Family, setting: Setting) -> Weights:
        """Numbers and weights of the references that rank lanes of a setting.

        If the family finds none, the first ranks them, provided that something was measured there.
        """
        found = family.references(setting, self.references)
        if found or not any(each.setting.line == setting.line for each in self.measured.of):
            return found
        return FIRST

    def ranks(
        self, score: str, uncertainty: Floats, stratum: str, weights: Weights = FIRST
    ) -> Floats:
        """Shares ``[n]`` of the reference draws of a stratum that are less sure than some ``[n]``.

        It is NaN without a table or a number; see
        :func:`~sureflow.confidence.quantile_table.ranks_in`.
        """
        table = self.table(score, stratum, weights)
        if table is None:
            return np.full(len(uncertainty), np.nan)
        return ranks_in(table, uncertainty)

    def table(self, score: str, stratum: str, weights: Weights = FIRST) -> Floats | None:
        """Ascending values of a score at levels 0 .. 1, ``[LEVELS]``, or ``None``."""
        return self._table(score, stratum, tuple(weights))

    @cached_property
    def _table(self) -> Callable[[str, str, Weights], Floats | None]:
        """Tables; those that were asked for last are kept."""

        @lru_cache(TABLES)
        def table(score: str, stratum: str, weights: Weights) -> Floats | None:
            tables = self.quantiles.get(score)
            if tables is None or stratum not in self.strata or not weights:
                return None
            row = self.strata.index(stratum)
            parts = [weight * tables[number, row] for number, weight in weights]
            found: Floats = np.maximum.accumulate(sum(parts[1:], parts[0]))
            return found if np.isfinite(found).all() else None

        return table

    def summary(self) -> dict[str, Any]:
        """What a model card says about it."""
        numbers = [reference.numbers for reference in self.references]
        judged: dict[str, Any] = {}
        if self.conformal is not None:
            judged[CONFORMAL] = self.conformal.summary()
        if self.elsewhere:
            judged[ELSEWHERE] = [each.summary() for each in self.elsewhere]
        return {
            **self.settings,
            "precision": precision(self.settings.get("draws", 1)),
            "score": self.score,
            UNCONDITIONAL: self.without_condition,
            "scores": sorted(self.quantiles),
            **{name: sorted(each[name] for each in numbers) for name in numbers[0]},
            "references": [reference.record() for reference in self.references],
            "early": [*self.early],
            "early_confidence": {name: bounds.most() for name, bounds in self.early.items()},
            "foretold_from": {name: bounds.since() for name, bounds in self.early.items()},
            "holds": self.measured.ranges,
            **judged,
        }

    def encode(self) -> bytes:
        """The file that it is kept in."""
        sections = {QUANTILES: self.quantiles, SHIFTS: self.measured.tensors()}
        notes = {SETTINGS: self.settings, STRATA: self.strata, SHIFTS: self.measured.notes()}
        sections |= {f"{EARLY}/{name}": bounds.tensors() for name, bounds in self.early.items()}
        certificates = {} if self.conformal is None else {JUDGED: self.conformal}
        certificates |= {f"{JUDGED}-{k}": each for k, each in enumerate(self.elsewhere)}
        sections |= {name: each.tensors() for name, each in certificates.items()}
        notes |= {name: each.noted() for name, each in certificates.items()}
        tensors = {
            f"{section}/{name}": np.ascontiguousarray(array)
            for section, arrays in sections.items()
            for name, array in arrays.items()
        }
        metadata = {SCORE: self.score} | {name: json.dumps(note) for name, note in notes.items()}
        if self.unconditional is not None:
            metadata[UNCONDITIONAL] = self.unconditional
        return save_tensors(tensors, metadata)

    def save(self, path: Path) -> None:
        """Write it next to a checkpoint, in place of another one at once."""
        write(path, self.encode())

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a file; see :meth:`decode`."""
        return cls.decode(path.read_bytes())

    @classmethod
    def decode(cls, data: bytes) -> Calibration:
        """Read what :meth:`encode` made.

        Raises:
            ValueError: A tensor is missing, or has a wrong type, shape or value; what is beside the
                tensors is wrong; or the recommended score has no table.
        """
        sections, metadata = sections_of(data)
        quantiles = sections[QUANTILES]
        chosen = [metadata[name] for name in (SCORE, UNCONDITIONAL) if name in metadata]
        scores = {name for family in families().values() for name in family.scores}
        if not chosen or not {*chosen} <= quantiles.keys() & scores:
            raise ValueError(f"lacks {QUANTILES}/ of {chosen}, or there is no such score")
        number, rows = check_tables(quantiles)
        made = cls(
            chosen[0],
            strata_of(metadata, rows),
            quantiles,
            Provenance.read(metadata.get(SETTINGS, "{}")),
            Measurements.read(sections[SHIFTS], metadata.get(SHIFTS, "")),
            conformal=Conformal.read(sections[JUDGED], metadata.get(JUDGED)),
            elsewhere=tuple(read_elsewhere(sections, metadata)),
            unconditional=metadata.get(UNCONDITIONAL),
            version=version_of(data),
        )
        if len(made.references) != number or len({(*r.numbers,) for r in made.references}) != 1:
            raise ValueError(f"{SHIFTS}: does not begin with the {number} settings of the tables")
        for certificate in made.elsewhere:
            made.setting_of(certificate)
        made.early.update(Early.read(sections[EARLY], made.references, made.strata))
        return made
