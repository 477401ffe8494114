"""The ``Accept`` header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def negotiate(accept: str | None, offered: Sequence[str]) -> str | None:
    """Return the media type that the client likes best, earlier ones first among equals.

    ``None`` if it accepts none of them. Without a header, or with an empty one, anything goes.
    """
    ranges = dict(map(_range, (accept or "*/*").lower().split(",")))

    def quality(media_type: str) -> float:
        """The most specific range that matches decides."""
        names = (media_type, media_type.split("/")[0] + "/*", "*/*")
        return next((ranges[name] for name in names if name in ranges), 0.0)

    best = max(offered, key=quality)
    return best if quality(best) > 0 else None


def _range(part: str) -> tuple[str, float]:
    """A media range and its quality; parameters other than ``q`` are ignored."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return name, float(quality)
    except ValueError:
        return name, 0.0
