"""Plugins: objects that other packages provide by entry points."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


def installed(group: str, kind: type[T]) -> dict[str, T]:
    """Return the objects that installed packages declare under a group, by name.

    An object that cannot be imported, or is no instance of ``kind``, is left out with a warning,
    so that it does not disable the others.
    """
    found: dict[str, T] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        try:
            loaded = entry.load()
            if not isinstance(loaded, kind):
                raise TypeError(f"is a {type(loaded).__name__}, not a {kind.__name__}")
        except Exception as error:  # somebody else's code may raise anything
            log.warning("%s of group %s is left out: %s", entry.value, group, error)
        else:
            found[entry.name] = loaded
    return found
