"""The ``Accept`` header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def negotiate(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type that the client likes best, earlier ones first among equals.

    ``None`` if it accepts none of them. Without a header, or with an empty one, anything goes.
    """
    ranges = _ranges(accept or "*/*")
    qualities = [_quality(media_type, ranges) for media_type in offered]
    best = max(qualities)
    return offered[qualities.index(best)] if best > 0 else None


def _ranges(accept: str) -> dict[str, float]:
    """Media ranges and their qualities; parameters other than ``q`` are ignored."""
    ranges = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        ranges[name] = _q(parameters)
    return ranges


def _q(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def _quality(media_type: str, ranges: dict[str, float]) -> float:
    """The most specific range that matches decides."""
    family = media_type.split("/")[0] + "/*"
    for name in (media_type, family, "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
