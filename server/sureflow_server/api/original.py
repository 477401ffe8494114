"""The sample of a handle, beside the branches of its trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from typing import Any

from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow_server.api.encoding import map_of, profile_of
from sureflow_server.api.handle_options import handle_link, sample_of
from sureflow_server.api.opened_handle import OpenedHandle
from sureflow_server.api.run import Result

Frames = Sequence[tuple[int, int]]
"""Step and bytes of key frames."""


def sample_record(
    opened: OpenedHandle,
    card: ModelCard,
    frames: Frames,
    form: str,
    profile: bool = False,
    map: bool = False,
    *,
    withheld: bool = False,
) -> dict[str, Any]:
    """Return the record of the sample of a handle, its schema being ``SampleRecord``."""
    handle, codec = opened.handle, family_of(card).codec.of(card)
    arrays = sample_of(handle)
    size = handle.nbytes + sum(size for _, size in frames)
    times = [time_of(opened, step) for step, _ in frames]
    return {
        **opened.facts,
        "handle": handle_link(handle.id, handle.expires, size, times),
        "media_type": codec.media_types[form],
        "data": None if withheld else codec.encode(arrays["data"], form),
        **({"profile": profile_of(opened.t, opened.rate)} if profile else {}),
        **({"map": map_of(arrays["map"], form)} if map else {}),
    }


def time_of(opened: OpenedHandle, step: int) -> float:
    """Return when a step of a trajectory begins; the end of the last one is 1."""
    return round(float(opened.t[step]), 6) if step < opened.steps else 1.0


def surest(results: Sequence[Result], facts: dict[str, Any]) -> int | None:
    """Return the place of the surest branch; ``None`` if the original is at least as sure.

    By confidence, or by uncertainty where there is none. What was rated by another score does not
    compete, nor what the filter turned down.
    """
    competing = {
        place: _doubt(result.sample.confidence, result.sample.uncertainty)
        for place, result in enumerate(results)
        if result.accepted
    }
    if not competing:
        return None
    best = min(competing, key=lambda place: competing[place])
    if facts["method"] != results[best].sample.score:
        return best
    unsure = facts["uncertainty"]
    rival = _doubt(facts["confidence"], inf if unsure is None else unsure)
    return best if competing[best] < rival else None


def _doubt(confidence: float | None, uncertainty: float) -> tuple[float, float]:
    """What orders samples, the surest first."""
    return (
        inf if confidence is None else -confidence,
        uncertainty if isfinite(uncertainty) else inf,
    )
