"""What other packages bring: sound, broken, and of another kind."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace

import pytest

from sureflow.core import plugins
from sureflow.core.family import Family, families
from sureflow.core.plugins import installed

GROUP = "test.group"


@pytest.fixture
def declare(monkeypatch):
    """Let packages declare these entry points, as ``name=module:attribute``."""
    module = SimpleNamespace(one=1, two=2, words="words", __spec__=None)
    monkeypatch.setitem(sys.modules, "declared", module)

    def declared(*entries: str, group: str = GROUP) -> SimpleNamespace:
        found = [EntryPoint(*entry.split("="), group) for entry in entries]
        monkeypatch.setattr(
            plugins, "entry_points", lambda **wanted: EntryPoints(found).select(**wanted)
        )
        return module

    return declared


def test_what_is_sound_is_found_in_the_order_of_names(declare) -> None:
    declare("b=declared:two", "a=declared:one")
    assert [*installed(GROUP, int).items()] == [("a", 1), ("b", 2)]
    assert installed("another.group", int) == {}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("x=no.such.module:one", "No module named"),
        ("x=declared:three", "three"),
        ("x=declared:words", "is a str, not a int"),
    ],
)
def test_what_is_broken_is_left_out_with_a_warning(declare, caplog, broken, why) -> None:
    """It takes nothing along that works, before it and after."""
    declare("a=declared:one", broken, "z=declared:two")
    with caplog.at_level(logging.WARNING):
        assert installed(GROUP, int) == {"a": 1, "z": 2}
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert broken.partition("=")[2] in record.getMessage()
    assert why in record.getMessage()


def test_a_package_that_raises_anything_while_it_is_imported(declare, tmp_path, caplog) -> None:
    (tmp_path / "explosive.py").write_text("raise KeyError('of its own')\n")
    sys.path.insert(0, str(tmp_path))
    try:
        declare("x=explosive:one", "z=declared:two")
        assert installed(GROUP, int) == {"z": 2}
    finally:
        sys.path.remove(str(tmp_path))
    assert "of its own" in caplog.text


class Toy(Family):
    name = "toy"


@pytest.fixture
def fresh():
    """Families are looked up anew, before and after."""
    families.cache_clear()
    yield
    families.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_families_of_other_packages_are_found_beside_ours(declare, caplog) -> None:
    module = declare("toy=declared:toy", "broken=declared:absent", group="sureflow.families")
    module.toy = Toy()
    assert families()["toy"] is module.toy
    assert families()["flow"].name == "flow"
    assert "declared:absent" in caplog.text


@pytest.mark.usefixtures("fresh")
def test_two_families_of_one_name_are_refused(declare) -> None:
    module = declare("other=declared:other", group="sureflow.families")
    module.other = Toy()
    module.other.name = "flow"
    with pytest.raises(ValueError, match="two families of one name"):
        families()


def test_a_face_is_free_of_torch() -> None:
    code = (
        "from sureflow.core.family import families; families(); import sys;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
