"""How the lanes of a flow are run, and what they are compared with: the only owner of both.

The key of a setting is solver, grid, guidance scale and size; it is finer the more steps there are,
or the smaller the tolerance. Strata are the classes, texts, and no condition. Free of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import Branch, LaneSpec
from sureflow.core.setting import Setting
from sureflow.core.size import Size, in_words, read_size
from sureflow.core.vocabulary import Prompt
from sureflow.families.flow.spec import DEFAULT_MIN_STEPS, DEFAULT_PARALLEL_TOLERANCE, FlowSpec

Drawable = Callable[[Mapping[str, Any]], bool]
"""Whether reference draws have such conditions, which are arrays by name."""

SIZE = "size"
"""Entry of a setting, where the size is not the default one."""

RUN = ("label", "guidance", "method", "steps", "tolerance", "grid")
"""Fields of a lane that say how it is run; another class from some step on is an edit too."""

TEXTS = "*text"
"""Stratum of lanes with a text and without a class; the star says that it is no class."""

FIXED = "euler:10 euler:20 euler:50 heun:10 midpoint:10 midpoint:20 ab2:20 ab2:40 rk4:5 rk4:10"
ADAPTIVE = "ab2:0.03 ab2:0.01"

MORE = "euler:100 heun:40 ab2:10 ab2:80 rk4:20"
MORE_ADAPTIVE = "ab2:0.1 ab2:0.003 bosh3:0.03 bosh3:0.01 dopri5:0.03 dopri5:0.01"
"""For models of vectors, whose draws cost little."""

FITTED = "heun:10/fitted heun:20/fitted euler:20/fitted"
"""For models that have a grid of their own."""

GUIDED = "euler:50 heun:10 ab2:40 rk4:10"
"""At the largest guidance scale, where every evaluation costs two rows."""


@lru_cache(maxsize=1024)
def named(
    method: str,
    steps: int | None = None,
    tolerance: float | None = None,
    grid: str = "uniform",
    guidance: float = 1.0,
    comparable: bool = True,
    size: Size | None = None,
    **run_by: float,
) -> Setting:
    """The setting of these names; steps or a tolerance. The default size is not named."""
    entries = {"method": method, "grid": grid, "guidance": float(guidance), **run_by}
    if size is not None:
        entries[SIZE] = in_words(size)
    return Setting.of({**entries, "steps": steps, "tolerance": tolerance}, comparable)


def setting(spec: LaneSpec, realised: float | None = None) -> Setting:
    """How a lane is run; ``realised`` is the widest tolerance that it was held to, if not its own.

    The draws that it compares with have no condition but a class and a text; see :func:`run_like`.
    """
    return run_like(spec, realised, _prompted)


def run_like(spec: LaneSpec, realised: float | None, drawable: Drawable) -> Setting:
    """The same, for draws with such conditions as are ``drawable``.

    A lane compares with reference draws if it comes from noise alone, or goes on from one that does
    as that one would have, takes no liberties with its steps, and has no other condition.
    """
    assert isinstance(spec, FlowSpec)
    tolerance = realised or spec.tolerance
    loose = spec.parallel and spec.parallel_tolerance > DEFAULT_PARALLEL_TOLERANCE
    hasty = tolerance is not None and spec.min_steps < DEFAULT_MIN_STEPS
    plain = not (loose or hasty or spec.negated) and drawable(spec.condition)
    comparable = plain and (spec.origin is None or _goes_on(spec, drawable))
    shared = spec.scale, comparable, spec.size
    if tolerance is not None:
        return named(spec.method, None, tolerance, "uniform", *shared)
    return named(spec.method, spec.steps, None, spec.grid, *shared, **spec.run_by)


def _goes_on(spec: FlowSpec, drawable: Drawable) -> bool:
    """Whether a lane goes on from one that compares, as that one would have."""
    origin = spec.origin
    if not isinstance(origin, Branch) or origin.operations:
        return False
    parent: Any = origin.parent
    same = all(getattr(spec, name) == getattr(parent, name) for name in (*RUN, "run_by"))
    same = same and spec.same_condition(parent)
    return same and run_like(parent, None, drawable).comparable


def strata(spec: LaneSpec) -> list[tuple[str, float]]:
    """The tables of a lane's class, of texts, or of no condition, whose name is empty."""
    assert isinstance(spec, FlowSpec)
    if spec.label is None:
        return [(TEXTS if spec.condition and _prompted(spec.condition) else "", 1.0)]
    return [(str(spec.label), 1.0)]


def _prompted(condition: Mapping[str, Any]) -> bool:
    """Whether all arrays are tokens of texts."""
    return all(array.dtype == np.int64 for array in condition.values())


def draws(card: ModelCard, setting: Setting) -> list[FlowSpec]:
    """A lane of this setting of every class, of a text, and, at guidance 1, without a condition."""
    entries = setting.record()
    guided = entries["guidance"] != 1
    labels: list[int | None] = [] if guided and card.needs_label else [*range(len(card.classes))]
    if entries["guidance"] == 1 and card.null_label:
        labels.append(None)
    lane: Any = family_of(card).spec
    fields = {**entries, "steps": entries["steps"] or 1}
    if SIZE in fields:
        fields[SIZE] = read_size(fields[SIZE])
        if card.at(fields[SIZE]) is card:
            raise ValueError(f"size: {entries[SIZE]} is that of {card.name}; leave it out")
    texts = _texts(card)
    examples = {name: prompt.example(0) for name, prompt in texts.items()}
    prompted = [lane(0, 0, condition=examples, **fields)] if examples else []
    return [*(lane(0, 0, label=label, **fields) for label in labels), *prompted]


def drawn(card: ModelCard, lane: LaneSpec) -> LaneSpec:
    """A lane of :func:`draws` with the text that is drawn by its index."""
    if not lane.condition:
        return lane
    texts = _texts(card)
    condition = {name: texts[name].example(lane.index) for name in lane.condition}
    return replace(lane, condition=condition)


def _texts(card: ModelCard) -> dict[str, Prompt]:
    """The conditions of which there are examples."""
    prompts = {name: condition.prompt for name, condition in card.conditions.items()}
    return {name: prompt for name, prompt in prompts.items() if prompt and prompt.examples}


def references(setting: Setting, known: Sequence[Setting]) -> list[tuple[int, float]]:
    """Those of the same size and guidance scale; between two scales both, weighed.

    A guided variance is ``g^2 a + (1 - g)^2 b``, so each quantile is taken as that function of
    ``g`` through its values at the scales around. Outside all of them there is nothing to go by.
    """
    wanted, size = setting.numbers["guidance"], dict(setting.key).get(SIZE)
    by_scale = {
        one.numbers["guidance"]: number
        for number, one in enumerate(known)
        if dict(one.key).get(SIZE) == size
    }
    if wanted in by_scale:
        return [(by_scale[wanted], 1.0)]
    scales = np.array(sorted(by_scale), np.float64)
    after = int(np.searchsorted(scales, wanted))
    if not 0 < after < len(scales):
        return []
    pair = scales[after - 1 : after + 1]
    squares = np.stack([pair, 1 - pair]) ** 2
    weights = np.linalg.lstsq(squares, np.array([wanted, 1 - wanted]) ** 2)[0]
    return [(by_scale[scale], float(weight)) for scale, weight in zip(pair, weights, strict=True)]


def usual(card: ModelCard, known: Sequence[Setting]) -> list[Setting]:
    """Settings to measure confidence at where nobody asks for others, besides those ``known``."""
    cheap = card.media == "vector"
    scales = [one.numbers["guidance"] for one in known]
    fitted = "fitted" in card.grids
    lines = [FIXED, MORE * cheap, ADAPTIVE, MORE_ADAPTIVE * cheap, FITTED * fitted]
    read = family_of(card).parse_setting
    found = [read(text) for text in " ".join(lines).split()]
    if max(scales) != 1:
        found += [read(f"{text}@{max(scales)}") for text in GUIDED.split()]
    return [one for one in found if one.numbers["guidance"] in scales]


def sized(text: str) -> tuple[str, str, str]:
    """What stands before ``:SIZE`` in the text of a setting, the colon, and the size, if any."""
    method, colon, rest = text.partition(":")
    rest, *size = rest.partition(":")
    return f"{method}{colon}{rest}", size[0], size[1]


def parse(text: str) -> Setting:
    """The setting that ``METHOD:STEPS`` or ``METHOD:TOLERANCE`` means.

    A tolerance has a point or an exponent. ``/GRID``, ``@GUIDANCE`` and ``:SIZE`` may follow, as in
    ``heun:10/fitted``, ``euler:50@3`` or ``euler:50:32x32``.

    Raises:
        ValueError: It means none.
    """
    plain, _, size = sized(text)
    rest, _, scale = plain.partition("@")
    rest, _, grid = rest.partition("/")
    method, _, value = rest.partition(":")
    try:
        fixed = value.isdecimal()
        steps, tolerance = (int(value), None) if fixed else (None, float(value))
        asked = read_size(size) if size else None
        return named(method, steps, tolerance, grid or "uniform", float(scale or 1), size=asked)
    except ValueError as error:
        form = "METHOD:STEPS or METHOD:TOLERANCE[/GRID][@GUIDANCE][:SIZE]"
        message = f"{text!r} is not of the form {form}"
        raise ValueError(message) from error
