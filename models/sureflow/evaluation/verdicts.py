"""Verdicts that a server exported, and the lanes whose samples they are about."""

from __future__ import annotations

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sureflow.core.lane import LaneSpec
from sureflow.core.provenance import complaint
from sureflow.recipe import parse

MOST_LINES = 1_000_000
"""Of a file."""

LEAST, LEAST_OF_BOTH = 50, 5
"""Judged samples that a fit takes; how many have to be worse, and how many better, than the
mean."""


class VerdictLine(BaseModel):
    """What is read of a line of ``GET /v1/verdicts``."""

    model_config = ConfigDict(strict=True)

    model_version: str
    sample: str
    bad: Annotated[float, Field(allow_inf_nan=False)]
    recipe: str | None = None


@dataclass(frozen=True)
class Verdicts:
    """Samples of one version of a model, and how bad people found them.

    Attributes:
        lanes: What makes the samples.
        bad: The mean of what was said of each, larger is worse, ``[n]``.
        others: Verdicts of the file on samples of other versions.
        bare: Verdicts that do not say what makes the sample, or that it came from another one or
            from a condition.
    """

    lanes: list[LaneSpec]
    bad: list[float]
    others: int
    bare: int

    @classmethod
    def read(cls, file: Path, version: str) -> Verdicts:
        """Read an export as JSON lines, as far as it is about a version.

        Raises:
            ValueError: The file cannot be read, or a line is no such verdict; names the line.
        """
        return cls.of(_lines(file), version)

    @classmethod
    def of(cls, lines: Iterable[VerdictLine], version: str) -> Verdicts:
        """Take what was said of samples of a version."""
        lanes, said = dict[str, LaneSpec](), defaultdict[str, list[float]](list)
        others = bare = 0
        for line in lines:
            if line.model_version != version:
                others += 1
                continue
            lane = None if line.recipe is None else _lane(line.recipe)
            if lane is None or lane.origin is not None or lane.condition:
                bare += 1
                continue
            lanes[line.sample] = lane
            said[line.sample].append(line.bad)
        means = [float(np.mean(said[sample])) for sample in lanes]
        return cls([*lanes.values()], means, others, bare)

    def check(self) -> None:
        """Check that a probe can be fitted to them.

        Raises:
            ValueError: They are too few, or all but a few the same.
        """
        bad = np.array(self.bad)
        if len(bad) < LEAST:
            reason = f"{len(bad)} judged samples can be made again, and it takes {LEAST}"
            raise ValueError(f"verdicts: {reason}{self._missing()}")
        if min((bad > bad.mean()).sum(), (bad < bad.mean()).sum()) < LEAST_OF_BOTH:
            raise ValueError(f"verdicts: {len(bad)} samples, and nearly all are said to be as bad")

    def _missing(self) -> str:
        """What other verdicts there were."""
        found = [
            f"{count} {words}"
            for count, words in (
                (self.others, "are about other versions of the model"),
                (self.bare, "do not say how, or are of edited or conditioned samples"),
            )
            if count
        ]
        return f" ({'; '.join(found)})" if found else ""


def _lines(file: Path) -> Iterator[VerdictLine]:
    try:
        with file.open("rb") as lines:
            for number, text in enumerate(lines, 1):
                if number > MOST_LINES:
                    raise ValueError(f"verdicts: {file} has more than {MOST_LINES} lines")
                try:
                    yield VerdictLine.model_validate_json(text)
                except ValidationError as error:
                    reason = complaint(error)
                    raise ValueError(f"verdicts: {file}, line {number}: {reason}") from error
    except OSError as error:
        raise ValueError(f"verdicts: {file}: {error.strerror}") from error


def _lane(recipe: str) -> LaneSpec | None:
    """The lane of a recipe; ``None`` if this version of the software cannot read it."""
    try:
        return replace(parse(b64decode(recipe, validate=True)), scores=(), early=None)
    except ValueError:
        return None
