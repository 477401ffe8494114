"""Ways along imports: circles, and the shortest way from one module to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tests.house.imports import Import

Way = list[Import]
"""Imports, each of which begins where the one before ends."""


def circles(imports: Iterable[Import]) -> list[tuple[list[str], Way]]:
    """The sets of modules each of which imports all others of its set in the end.

    Returns:
        Each set, with a shortest circle within it; the largest set first.
    """
    links = list(imports)
    found = []
    for modules in _components(links):
        inside = set(modules)
        within = [one for one in links if one.source in inside and one.target in inside]
        leaving = _by_source(within)
        around = (shortest(module, module.__eq__, leaving) for module in modules)
        ways = [way for way in around if way]
        if ways:
            found.append((modules, min(ways, key=len)))
    return sorted(found, key=lambda circle: -len(circle[0]))


def shortest(
    start: str, arrived: Callable[[str], bool], leaving: Callable[[str], Iterable[Import]]
) -> Way | None:
    """The shortest way of at least one import from a module to one that will do, if any.

    Args:
        start: The module.
        arrived: Whether a module will do.
        leaving: The imports of a module.
    """
    before: dict[str, Import] = {}
    waiting = deque([start])
    while waiting:
        for one in leaving(waiting.popleft()):
            if arrived(one.target):
                return _back(start, one, before)
            if one.target != start and one.target not in before:
                before[one.target] = one
                waiting.append(one.target)
    return None


def _back(start: str, last: Import, before: dict[str, Import]) -> Way:
    way = [last]
    while way[-1].source != start:
        way.append(before[way[-1].source])
    return way[::-1]


def _by_source(imports: Iterable[Import]) -> Callable[[str], list[Import]]:
    grouped: dict[str, list[Import]] = {}
    for one in imports:
        grouped.setdefault(one.source, []).append(one)
    return lambda module: grouped.get(module, [])


def _components(imports: list[Import]) -> list[list[str]]:
    """Strongly connected components."""
    names = sorted({name for one in imports for name in (one.source, one.target)})
    number = {name: place for place, name in enumerate(names)}
    ends = [(number[one.source], number[one.target]) for one in imports]
    sources, targets = np.array(ends, dtype=np.int32).reshape(-1, 2).T
    matrix = coo_array((np.ones(len(ends)), (sources, targets)), shape=(len(names), len(names)))
    count, of = connected_components(matrix, connection="strong")
    components: list[list[str]] = [[] for _ in range(count)]
    for name, component in zip(names, of, strict=True):
        components[component].append(name)
    return components
