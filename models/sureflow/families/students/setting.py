"""How the lanes of a student are run: their numbers of steps, guidance and size. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence

from sureflow.core.card import ModelCard
from sureflow.core.setting import Setting
from sureflow.core.size import read_size
from sureflow.families.flow.setting import named, sized
from sureflow.families.students.spec import EULER, PINNED

CONSISTENCY = "consistency"
"""Name of the sampler in the texts of settings."""


def parse(text: str) -> Setting:
    """The setting that ``consistency:STEPS[@GUIDANCE][:SIZE]`` means.

    Raises:
        ValueError: It means none.
    """
    plain, _, size = sized(text)
    rest, _, scale = plain.partition("@")
    method, _, steps = rest.partition(":")
    try:
        if method != CONSISTENCY:
            raise ValueError(method)
        asked = read_size(size) if size else None
        return named(EULER, int(steps), None, PINNED, float(scale or 1), size=asked)
    except ValueError as error:
        form = f"{CONSISTENCY}:STEPS[@GUIDANCE][:SIZE]"
        raise ValueError(f"{text!r} is not of the form {form}") from error


def usual(card: ModelCard, known: Sequence[Setting]) -> list[Setting]:
    """Every number of steps that the model was made for, at the scales that are ``known``."""
    scales = sorted({one.numbers["guidance"] for one in known})
    found = [parse(f"{CONSISTENCY}:{n}@{scale:g}") for n in card.step_counts for scale in scales]
    return [one for one in found if one not in known]
