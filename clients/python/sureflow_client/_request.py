"""From the arguments of ``generate`` to the body of its request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from typing_extensions import TypedDict

from ._seed import draw_seed


class Filter(TypedDict, total=False):
    """Which samples to accept, and what to do with the others.

    Give exactly one of ``min``, ``max``, ``keep``, ``top`` and ``max_bad_rate``.
    """

    by: Literal["confidence", "uncertainty"]
    """The number to judge by; by default ``confidence``."""

    min: float
    """Accept samples with at least this."""

    max: float
    """Accept samples with at most this."""

    keep: float
    """Accept this share of the surest, by the model's calibration: samples with a confidence of at
    least ``1 - keep``."""

    top: int
    """Accept exactly so many of the surest of this request."""

    max_bad_rate: float
    """Accept down to the lowest confidence at which, as certified with 90 % confidence, no more
    than this share of the accepted is bad; for a model that was calibrated with a judge."""

    accept: int
    """Go on until so many samples are accepted; leave out ``n``."""

    action: Literal["annotate", "drop", "regenerate"]
    """``annotate`` keeps the others and says so; ``drop`` sends them without data; ``regenerate``
    does that too and makes other samples instead, until ``n`` are accepted."""

    max_attempts: int
    """With ``accept`` or ``regenerate``: stop after so many times the samples to be accepted; by
    default after four times."""

    early: bool
    """Give up samples on the way that are foreseen not to be accepted; see
    ``Usage.evaluations_saved``."""


class GenerateOptions(TypedDict, total=False):
    """What a generate request may say; where it says nothing, the server's defaults hold."""

    seed: int | None
    """Seed of the request; where left out the client draws one, see ``Result.seed``."""

    label: int | str | None
    """Number or name of the class to generate, for a class-conditional model."""

    guidance: float | None
    """Scale of classifier-free guidance; 1 is the plain conditional model."""

    method: str | None
    """Solver: ``euler``, ``heun``, ``midpoint``, ``ab2``, ``bosh3``, ``rk4`` or ``dopri5``."""

    steps: int | None
    """Number of solver steps, the same for every sample; or else a tolerance."""

    tolerance: float | None
    """Error allowed per step, between 1e-6 and 1; every sample then chooses its own steps."""

    min_steps: int | None
    """Fewest steps of a sample, with a tolerance."""

    max_steps: int | None
    """Most steps that a sample may try, with a tolerance; see ``Sample.finish_reason``."""

    grid: Literal["uniform", "fitted"] | None
    """Where fixed steps are placed: all equal, or as fitted to the model; see ``Model.grids``."""

    parallel: int | None
    """Number of steps evaluated at once, at most 64, with ``euler`` and ``steps``."""

    parallel_tolerance: float | None
    """How exact the states ahead must be, in data units; with 0, to the last bit."""

    score: str | None
    """The score that becomes uncertainty and confidence, such as ``path_residual``; by default the
    one that the model is best judged by."""

    also: Sequence[str]
    """Further scores to return, ``Sample.scores``."""

    profile: bool
    """Whether to return the uncertainty over time, ``Sample.profile``."""

    map: bool
    """Whether to return the uncertainty per component, ``Sample.map_array()``."""

    filter: Filter | None
    """Which samples to accept."""

    deadline_s: float | None
    """Seconds after which nobody waits any more: the server refuses at once if it cannot be done by
    then. With a tolerance, samples that are late widen theirs; see ``Sample.finish_reason``."""

    priority: int | None
    """From -10 to 10; higher ones are served before lower ones, 0 is usual."""

    output: Literal["png", "npy", "list"] | None
    """Encoding of the samples: ``png`` rounds to 8 bits, ``npy`` and ``list`` are exact."""


def generate_body(
    model: str | None = None,
    n: int | None = None,
    *,
    seed: int | None = None,
    label: int | str | None = None,
    guidance: float | None = None,
    method: str | None = None,
    steps: int | None = None,
    tolerance: float | None = None,
    min_steps: int | None = None,
    max_steps: int | None = None,
    grid: str | None = None,
    parallel: int | None = None,
    parallel_tolerance: float | None = None,
    score: str | None = None,
    also: Sequence[str] = (),
    profile: bool = False,
    map: bool = False,
    filter: Filter | None = None,
    deadline_s: float | None = None,
    priority: int | None = None,
    output: str | None = None,
) -> dict[str, Any]:
    """Return the JSON body of a generate request; see `GenerateOptions`."""
    return _given(
        model=model,
        n=n,
        seed=draw_seed() if seed is None else seed,
        condition=_given(label=label),
        guidance=_given(scale=guidance),
        sampler=_given(
            method=method,
            steps=steps,
            tolerance=tolerance,
            min_steps=min_steps,
            max_steps=max_steps,
            grid=grid,
            parallel=_given(window=parallel, tolerance=parallel_tolerance),
        ),
        confidence=_given(
            method=score, also=list(also) or None, profile=profile or None, map=map or None
        ),
        filter=_given(**(filter or {})),
        deadline_s=deadline_s,
        priority=priority,
        output=_given(format=output),
    )


def _given(**members: object) -> dict[str, Any]:
    """Return the members that say something, numpy's numbers as Python's."""
    said = {name: value for name, value in members.items() if value is not None and value != {}}
    return {name: _plain(value) for name, value in said.items()}


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
