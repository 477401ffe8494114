"""The judges of a server by their names."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points

GROUP = "sureflow.judges"
"""Entry points by which installed packages offer judges."""

PREFIX = "judge:"
"""Before the name of a judge, where a filter says by what it goes."""


def judges_of(declared: Iterable[str]) -> dict[str, str]:
    """Return ``package.module:function`` of each judge by its name.

    Args:
        declared: Those of this server, each as ``name=package.module:function``; they win over
            those of installed packages.
    """
    installed = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return installed | dict(one.split("=", 1) for one in declared)
