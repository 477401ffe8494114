"""Objects that requests can only name: built in, registered by programs, or of other packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Objects of one kind by name.

    Args:
        group: Group of the entry points by which installed packages add others.
        built_in: Ours, whose names nobody else can take.
    """

    def __init__(self, group: str, built_in: Mapping[str, T]) -> None:
        self.group = group
        self._built_in = frozenset(built_in)
        self._found = dict(built_in)

    def register(self, name: str, thing: T) -> None:
        """Register an object under a name.

        Raises:
            ValueError: The name belongs to one that is built in.
        """
        if name in self._built_in:
            raise ValueError(f"name: {name!r} is the name of one that is built in")
        self._found[name] = thing

    def __getitem__(self, name: str) -> T:
        """The object of a name that was checked."""
        found = self.find(name)
        if found is None:
            raise KeyError(name)
        return found

    def find(self, name: str) -> T | None:
        """The object of a name, if any; entry points are imported on first use."""
        if name not in self._found:
            for entry in entry_points(group=self.group, name=name):
                self._found[name] = entry.load()
        return self._found.get(name)

    def names(self) -> list[str]:
        """Names of all objects."""
        return sorted({*self._found, *(entry.name for entry in entry_points(group=self.group))})

    def check(self, field: str, name: str, *others: str) -> None:
        """Check that there is an object of a name.

        Args:
            field: The field that has it, with which the message begins.
            name: The name.
            others: Names of what else may stand there.

        Raises:
            ValueError: There is none.
        """
        if self.find(name) is None:
            known = ", ".join([*others, *self.names()])
            raise ValueError(f"{field}: {name!r} is unknown; choose from {known}")
