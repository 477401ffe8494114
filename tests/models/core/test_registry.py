"""Objects by name: ours, those of programs, and those of installed packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureflow.core.registry import Registry


def numbers() -> Registry[int]:
    return Registry("sureflow.numbers", {"one": 1})


def test_what_is_registered_is_found_and_what_is_built_in_stays() -> None:
    found = numbers()
    found.register("two", 2)
    assert (found["one"], found.find("two"), found.find("three")) == (1, 2, None)
    assert found.names() == ["one", "two"]
    with pytest.raises(ValueError, match="'one' is the name of one that is built in"):
        found.register("one", 2)
    with pytest.raises(KeyError, match="three"):
        found["three"]


def test_an_installed_package_adds_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "foreign_numbers.py").write_text("SEVEN = 7\n")
    info = tmp_path / "foreign_numbers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-numbers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sureflow.numbers]\nseven = foreign_numbers:SEVEN\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = numbers()
    assert found.names() == ["one", "seven"]
    assert found["seven"] == 7


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    found = numbers()
    found.check("operator", "one")
    with pytest.raises(ValueError, match="operator: 'two' is unknown; choose from mask, one"):
        found.check("operator", "two", "mask")
