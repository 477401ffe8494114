"""From the arguments of a method to the body of its request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from typing_extensions import Unpack

from ._encode import Given, encode_array, encode_arrays
from ._moment import At, at_body
from ._operations import Operation
from ._options import Filter, Rewind, SamplingOptions
from ._seed import draw_seed


def generate_body(
    model: str | None = None,
    n: int | None = None,
    *,
    label: int | str | None = None,
    condition: Mapping[str, Given] | None = None,
    guidance: float | None = None,
    parallel: int | None = None,
    parallel_tolerance: float | None = None,
    filter: Filter | None = None,
    **options: Unpack[SamplingOptions],
) -> dict[str, Any]:
    """Return the JSON body of a generate request; see `GenerateOptions`."""
    body = _sampling(**_seeded(options))
    ahead = _given(window=parallel, tolerance=parallel_tolerance)
    sampler = _given(**body.pop("sampler", {}), parallel=ahead)
    return _given(
        **body,
        model=model,
        n=n,
        condition=_given(label=label, **encode_arrays(condition or {})),
        guidance=_given(scale=guidance),
        sampler=sampler,
        filter=_given(**(filter or {})),
    )


def calibrate_body(
    *,
    method: str | None = None,
    steps: int | None = None,
    tolerance: float | None = None,
    grid: str | None = None,
    guidance: float | None = None,
    draws: int | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """Return the JSON body of a request to calibrate a setting; see `Jobs.calibrate`."""
    return _given(
        sampler=_given(method=method, steps=steps, tolerance=tolerance, grid=grid),
        guidance=_given(scale=guidance),
        draws=draws,
        seed=seed,
    )


def edit_body(
    handle: str,
    operations: Operation | Sequence[Operation] = (),
    *,
    at: At | float | Literal["commit"] = "commit",
    branches: int | None = None,
    keep: str | None = None,
    filter: Filter | None = None,
    require_exact: bool = False,
    **options: Unpack[SamplingOptions],
) -> dict[str, Any]:
    """Return the JSON body of an edit; see `EditOptions`."""
    several = [operations] if isinstance(operations, Operation) else operations
    return _given(
        **_sampling(**_seeded(options)),
        handle=handle,
        at=at_body(at),
        operations=[_plain_all(operation.body()) for operation in several],
        branches=branches,
        keep=keep,
        require_exact=require_exact or None,
        filter=_given(**(filter or {})),
    )


def invert_body(
    samples: Iterable[Given],
    model: str | None = None,
    *,
    label: int | str | None = None,
    condition: Mapping[str, Given] | None = None,
    guidance: float | None = None,
    **options: Unpack[SamplingOptions],
) -> dict[str, Any]:
    """Return the JSON body of a request to score given samples; see `InvertOptions`."""
    return _given(
        **_sampling(**options),
        model=model,
        samples=[encode_array(sample) for sample in samples],
        condition=_given(label=label, **encode_arrays(condition or {})),
        guidance=_given(scale=guidance),
    )


def _sampling(
    *,
    seed: int | None = None,
    method: str | None = None,
    steps: int | None = None,
    tolerance: float | None = None,
    min_steps: int | None = None,
    max_steps: int | None = None,
    grid: str | None = None,
    score: str | None = None,
    also: Sequence[str] = (),
    profile: bool = False,
    map: bool = False,
    rewind: bool | Literal["commit", "all"] | Rewind | None = None,
    deadline_s: float | None = None,
    priority: int | None = None,
    output: str | None = None,
) -> dict[str, Any]:
    """Return what all requests for samples have in common."""
    return _given(
        seed=seed,
        sampler=_given(
            method=method,
            steps=steps,
            tolerance=tolerance,
            min_steps=min_steps,
            max_steps=max_steps,
            grid=grid,
        ),
        confidence=_given(
            method=score, also=list(also) or None, profile=profile or None, map=map or None
        ),
        rewind=_rewind(rewind),
        deadline_s=deadline_s,
        priority=priority,
        output=_given(format=output),
    )


def _seeded(options: SamplingOptions) -> SamplingOptions:
    seed = options.get("seed")
    return {**options, "seed": draw_seed() if seed is None else seed}


def _rewind(rewind: bool | Literal["commit", "all"] | Rewind | None) -> dict[str, Any]:
    if not isinstance(rewind, Mapping):
        return {"keep": "commit" if rewind is True else rewind} if rewind else {}
    keep = rewind.get("keep", "commit")
    times = keep if isinstance(keep, str) else [float(t) for t in keep]
    return _given(keep=times, ttl_s=rewind.get("ttl_s"))


def _given(**members: object) -> dict[str, Any]:
    """Return the members that say something, numpy's numbers as Python's."""
    said = {name: value for name, value in members.items() if value is not None and value != {}}
    return _plain_all(said)


def _plain_all(members: Mapping[str, object]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in members.items()}


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
