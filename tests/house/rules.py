"""The rules of the house, and what breaks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from tests.house.imports import Import, Tree
from tests.house.paths import Way, circles, shortest


class Rule(Protocol):
    """What must hold of the imports."""

    @property
    def says(self) -> str:
        """The rule, in a sentence."""

    def offenders(self, tree: Tree) -> list[str]:
        """What breaks it, each with the imports that show it."""


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a module is meant by one of some patterns.

    ``*`` stands for anything within one part of the name; a last part ``**`` for anything below,
    and for nothing.
    """
    return any(_matches(name.split("."), pattern.split(".")) for pattern in patterns)


def _matches(parts: list[str], pattern: list[str]) -> bool:
    if pattern[-1] == "**":
        pattern = pattern[:-1]
        parts = parts[: len(pattern)]
    return len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))


@dataclass(frozen=True)
class NoCircle:
    """No module imports itself in the end.

    Attributes:
        says: The rule.
        functions: Whether imports within functions count.
    """

    says: str
    functions: bool

    def offenders(self, tree: Tree) -> list[str]:
        """The circles; with functions, those that are circles because of them."""
        always = [one for one in tree.imports if one.kind != "function"]
        found = circles(always)
        if self.functions:
            known = {tuple(modules) for modules, _ in found}
            found = [c for c in circles(tree.imports) if tuple(c[0]) not in known]
        return [
            _told(f"{len(modules)} modules import each other: {', '.join(modules)}", way)
            for modules, way in found
        ]


@dataclass(frozen=True)
class OneWay:
    """Rooms of a package import only rooms below them.

    Attributes:
        says: The rule.
        package: The package; its own ``__init__`` may import any room, and none imports it.
        below: The rooms just below each room; what is below those may be imported, too.
    """

    says: str
    package: str
    below: Mapping[str, tuple[str, ...]]

    def offenders(self, tree: Tree) -> list[str]:
        """The imports from a room to one that is not below it, and modules in no room."""
        rooms = {self._room(name) or "" for name in tree.modules} - {"", *self.below}
        astray = sorted(filter(self._upward, tree.imports), key=self._arrow)
        return [f"{self.package}.{room} is not among the rooms" for room in sorted(rooms)] + [
            f"{self._arrow(one)}: {one}" for one in astray
        ]

    def arrows(self, tree: Tree) -> dict[str, int]:
        """How many imports go up, by the rooms at both ends, the most frequent first."""
        counts: dict[str, int] = {}
        for one in filter(self._upward, tree.imports):
            counts[self._arrow(one)] = counts.get(self._arrow(one), 0) + 1
        return dict(sorted(counts.items(), key=lambda entry: -entry[1]))

    def allowed(self, room: str) -> set[str]:
        """All rooms below a room."""
        found: set[str] = set()
        waiting = [room]
        while waiting:
            new = set(self.below.get(waiting.pop(), ())) - found
            found |= new
            waiting.extend(new)
        return found

    def _upward(self, one: Import) -> bool:
        source, target = self._room(one.source), self._room(one.target)
        if source is None or source not in self.below or target not in {*self.below, ""}:
            return False
        return target not in {source, *self.allowed(source)}

    def _room(self, name: str) -> str | None:
        """The room of a module; none of another package, and "" of the package itself."""
        package, _, rest = name.partition(".")
        return rest.partition(".")[0] if package == self.package else None

    def _arrow(self, one: Import) -> str:
        return f"{self._room(one.source)} -> {self._room(one.target) or self.package}"


@dataclass(frozen=True)
class Never:
    """Some modules import none of some others, at no time, not even as types.

    Attributes:
        says: The rule.
        who: Patterns of the modules.
        whom: Patterns of what they do not import.
    """

    says: str
    who: tuple[str, ...]
    whom: tuple[str, ...]

    def offenders(self, tree: Tree) -> list[str]:
        """The imports."""
        return [
            str(one)
            for one in tree.imports
            if matches(one.source, self.who) and matches(one.target, self.whom)
        ]


@dataclass(frozen=True)
class Apart:
    """The folders of a package do not import each other.

    Attributes:
        says: The rule.
        package: The package.
        may: Folders that may import some others.
    """

    says: str
    package: str
    may: Mapping[str, tuple[str, ...]]

    def offenders(self, tree: Tree) -> list[str]:
        """The imports."""
        return [str(one) for one in tree.imports if self._strays(one)]

    def _strays(self, one: Import) -> bool:
        source, target = self._folder(one.source), self._folder(one.target)
        if not source or not target or source == target:
            return False
        return target not in self.may.get(source, ())

    def _folder(self, name: str) -> str:
        inside = name.removeprefix(f"{self.package}.")
        return "" if inside == name else inside.partition(".")[0]


@dataclass(frozen=True)
class Unloaded:
    """Importing some modules loads none of some others, whoever imports them.

    Attributes:
        says: The rule.
        who: Patterns of the modules.
        whom: Patterns of what they do not load.
    """

    says: str
    who: tuple[str, ...]
    whom: tuple[str, ...]

    def offenders(self, tree: Tree) -> list[str]:
        """The modules, each with a shortest way to what it should not load."""
        return [_told(f"{way[0].source} loads {way[-1].target}", way) for way in self._ways(tree)]

    def _ways(self, tree: Tree) -> Iterator[Way]:
        for module in tree.modules:
            if matches(module, self.who):
                arrived = shortest(module, lambda m: matches(m, self.whom), tree.loaded_with)
                if arrived:
                    yield arrived


@dataclass(frozen=True)
class NoFile:
    """No file has one of some names.

    Attributes:
        says: The rule.
        names: The names, without their ending.
    """

    says: str
    names: tuple[str, ...]

    def offenders(self, tree: Tree) -> list[str]:
        """The files."""
        return [str(file) for file in tree.modules.values() if file.stem in self.names]


def _told(what: str, way: Way) -> str:
    return "\n    ".join([what, *map(str, way)])
