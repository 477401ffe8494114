"""Dotted names and paths in docstrings, comments and documents exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.house.sureflow import FOLDERS, HERE

DOTTED = re.compile(r"(?<![\w./@-])sureflow(?:_(?:server|client|studio))?(?:\.\w+)+(?![\w-])")
TOP = "models|server|clients|tests|benchmarks|examples|deploy|docs|documents"
PLACE = re.compile(rf"`((?:{TOP})/[\w/.-]*)`")
GROUPS = {
    "sureflow.crystal_energies",
    "sureflow.judges",
    "sureflow.mcp",
    "sureflow.objectives",
    "sureflow.scores",
    "sureflow.solvers",
    "sureflow.studio",
}
"""Groups of entry points, which are no modules."""

OTHERS = {"sureflow.request_id", "deploy/keys.json"}
"""An attribute of spans, and a file that an operator writes."""


def sources(*suffixes: str) -> Iterator[Path]:
    """Our files, without those of tests, which have names that do not exist on purpose."""
    folders = [HERE / folder for folder in FOLDERS.values() if folder != "tests"]
    for folder in (*folders, HERE / "docs", HERE / "models" / "configs"):
        yield from (file for suffix in suffixes for file in folder.rglob(f"*{suffix}"))
    yield from (file for suffix in suffixes for file in HERE.glob(f"*{suffix}"))


def exists(name: str) -> bool:
    """Whether a name is that of a module, or of something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            if error.name is None or not error.name.startswith("sureflow"):
                return True  # the module is there, and needs what is not installed, such as Ray
            continue
        for part in parts[length:]:
            if part in getattr(found, "__annotations__", {}):
                return True
            found = getattr(found, part, None)
        return found is not None
    return False


def test_dotted_names_exist() -> None:
    named: dict[str, set[str]] = {}
    for file in sources(".py", ".md", ".toml", ".yaml"):
        for name in {*DOTTED.findall(file.read_text())} - GROUPS - OTHERS:
            named.setdefault(name, set()).add(str(file.relative_to(HERE)))
    assert len(named) > 100
    assert {name: files for name, files in named.items() if not exists(name)} == {}


def test_paths_in_documents_exist() -> None:
    places = {place for file in sources(".md") for place in PLACE.findall(file.read_text())}
    places -= OTHERS
    assert len(places) > 10
    assert [place for place in sorted(places) if not (HERE / place).exists()] == []


@pytest.mark.parametrize(
    "name", ["sureflow.core.lain", "sureflow.core.lane.LaneSpecs", "sureflow.x"]
)
def test_names_that_do_not_exist_are_found(name: str) -> None:
    assert not exists(name)
