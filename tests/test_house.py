"""The rules of the house hold here, and each catches what breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house.__main__ import main
from tests.house.imports import Import, Tree, read
from tests.house.paths import circles, shortest
from tests.house.rules import OneWay, matches
from tests.house.sureflow import FOLDERS, HERE, ROOMS, RULES, house


@pytest.fixture(scope="module")
def present() -> Tree:
    return house()


@pytest.mark.parametrize("name", RULES)
def test_the_repository_keeps_to(present: Tree, name: str) -> None:
    offenders = RULES[name].offenders(present)
    assert not offenders, "\n".join([RULES[name].says, *offenders])


def test_it_is_all_of_the_repository(present: Tree) -> None:
    """Every folder is where it is looked for, and there is no Python outside of them."""
    assert {module.partition(".")[0] for module in present.modules} == set(FOLDERS)
    elsewhere = [
        file
        for folder in HERE.iterdir()
        if folder.is_dir() and not folder.name.startswith((".", "build", "dist"))
        for file in folder.rglob("*.py")
    ]
    script = HERE / "clients/python/twins.py"  # makes one package out of another
    assert {*elsewhere} == {*present.modules.values(), script}


def built(root: Path, files: Mapping[str, str]) -> Tree:
    """A repository of these files, with ``__init__.py`` where there is none."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        above = file.parent
        while above not in (root, root / "models", root / "server", root / "clients"):
            (above / "__init__.py").touch()
            above = above.parent
    return house(root)


def told(root: Path, rule: str, files: Mapping[str, str]) -> list[str]:
    """What breaks a rule in a repository of these files."""
    return RULES[rule].offenders(built(root, files))


M, S = "models/sureflow", "server/sureflow_server"
C, T = "clients/python/sureflow_client", "clients/studio/sureflow_studio"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import p.a", [("p.a", "runtime")]),
        ("import p.a as other, torch.nn", [("p.a", "runtime"), ("torch.nn", "runtime")]),
        ("from p import a", [("p.a", "runtime")]),
        ("from p import name", [("p", "runtime")]),
        ("from p.a import name, other", [("p.a", "runtime")]),
        ("from p import *", [("p", "runtime")]),
        ("from torch import nn", [("torch", "runtime")]),
        ("from . import a", [("p.a", "runtime")]),
        ("from .a import name", [("p.a", "runtime")]),
        ("from .. import top", [("q", "runtime")]),
        ("from ..a import name", [("q.a", "runtime")]),
        ("if TYPE_CHECKING:\n import p.a\nelse:\n import p", [("p.a", "typing"), ("p", "runtime")]),
        ("if typing.TYPE_CHECKING:\n from p import a", [("p.a", "typing")]),
        ("if not TYPE_CHECKING:\n import p.a", [("p.a", "runtime")]),
        ("if TYPE_CHECKING:\n if x:\n  import p.a", [("p.a", "typing")]),
        ("if ready:\n import p.a", [("p.a", "runtime")]),
        ("try:\n import p.a\nexcept E:\n import p", [("p.a", "runtime"), ("p", "runtime")]),
        ("class A:\n import p.a", [("p.a", "runtime")]),
        ("def f():\n import p.a", [("p.a", "function")]),
        ("async def f():\n with x:\n  from p import a", [("p.a", "function")]),
        ("class A:\n def f(self):\n  import p.a", [("p.a", "function")]),
        ("def f():\n if TYPE_CHECKING:\n  import p.a", [("p.a", "typing")]),
        ("if TYPE_CHECKING:\n def f():\n  import p.a", [("p.a", "typing")]),
        ("def f():\n import p.a\nimport p.a", [("p.a", "function"), ("p.a", "runtime")]),
        ("import_module('p.a')", [("p.a", "runtime")]),
        ("def f():\n importlib.import_module('p.a').g()", [("p.a", "function")]),
        ("import_module(name)", []),
    ],
)
def test_imports_are_read(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    relative = text.startswith("from ..")
    for name, body in {
        "p/__init__.py": "",
        "p/a.py": "",
        "q/__init__.py": "",
        "q/a.py": "",
        "q/r/__init__.py": text if relative else "",
        "p/b.py": "" if relative else text,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(body)
    tree = read({"p": tmp_path / "p", "q": tmp_path / "q"})
    assert [(one.target, one.kind) for one in tree.imports] == expected
    assert {one.source for one in tree.imports} <= {"q.r" if relative else "p.b"}


def test_a_support_module_is_known_without_its_package(tmp_path: Path) -> None:
    tree = built(tmp_path, {"tests/stubs.py": "", "tests/models/test_a.py": "from stubs import x"})
    assert [str(one) for one in tree.imports] == ["tests.models.test_a:1 imports tests.stubs"]
    inside = built(tmp_path, {f"{M}/a.py": "from stubs import x"})
    assert "sureflow.a:1 imports stubs" in map(str, inside.imports)


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b.c", "a.b", False),
        ("a", "a.**", True),
        ("a.b.c", "a.**", True),
        ("ab.c", "a.**", False),
        ("a.b", "a.*", True),
        ("a.b.c", "a.*", False),
        ("a", "a.*", False),
        ("a.x.c.d", "a.*.c.**", True),
        ("a.x.d", "a.*.c.**", False),
    ],
)
def test_patterns(name: str, pattern: str, expected: bool) -> None:
    assert matches(name, ["never", pattern]) is expected


links = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14)


@given(links)
def test_circles_are_those_of_the_closure(pairs: list[tuple[int, int]]) -> None:
    """A module is in a circle if and only if it can be reached from itself."""
    reached = set(pairs)
    for via, one, other in product(range(7), repeat=3):
        if (one, via) in reached and (via, other) in reached:
            reached.add((one, other))
    expected = {f"{n}" for n in range(7) if (n, n) in reached}
    found = circles(Import(f"{one}", f"{other}", 1, "runtime") for one, other in pairs)
    assert sorted(module for modules, _ in found for module in modules) == sorted(expected)
    for modules, way in found:
        assert all((int(a), int(b)) in reached for a, b in product(modules, repeat=2))
        assert {one.source for one in way} <= set(modules)
        assert way[0].source == way[-1].target
        assert all(one.target == after.source for one, after in pairwise(way))
        assert all((int(one.source), int(one.target)) in pairs for one in way)


def test_the_way_shown_is_a_shortest_one() -> None:
    ends = {"a": "bc", "b": "d", "c": "z", "d": "z"}
    imports = {m: [Import(m, to, 1, "runtime") for to in targets] for m, targets in ends.items()}
    way = shortest("a", lambda module: module == "z", lambda module: imports.get(module, []))
    assert way is not None
    assert [one.target for one in way] == ["c", "z"]
    assert shortest("b", lambda module: module == "a", lambda m: imports.get(m, [])) is None


A_CIRCLE = {
    f"{M}/core/a.py": "from sureflow.core.b import x",
    f"{M}/core/b.py": "if TYPE_CHECKING:\n    from sureflow.core.c import x",
    f"{M}/core/c.py": "import sureflow.core.a",
}
CIRCLE_TOLD = """\
3 modules import each other: sureflow.core.a, sureflow.core.b, sureflow.core.c
    sureflow.core.a:1 imports sureflow.core.b
    sureflow.core.b:2 names as a type sureflow.core.c
    sureflow.core.c:1 imports sureflow.core.a"""


def test_a_circle_of_types_is_a_circle(tmp_path: Path) -> None:
    assert told(tmp_path, "circles", A_CIRCLE) == [CIRCLE_TOLD]
    assert told(tmp_path, "late circles", {}) == []
    assert told(tmp_path, "circles", {f"{M}/core/c.py": "import sureflow.core"}) == []


def test_a_circle_within_functions_is_told_apart(tmp_path: Path) -> None:
    late = {f"{M}/core/c.py": "def f():\n    import sureflow.core.a"}
    assert told(tmp_path, "circles", A_CIRCLE | late) == []
    (offender,) = told(tmp_path, "late circles", {})
    assert offender.endswith("sureflow.core.c:2 imports when called sureflow.core.a")


@pytest.mark.parametrize("folder", [S, C, T, "benchmarks", "tests/models"])
def test_circles_are_found_everywhere(tmp_path: Path, folder: str) -> None:
    files = {f"{folder}/a.py": "from . import b", f"{folder}/b.py": "from . import a"}
    assert len(told(tmp_path, "circles", files)) == 1


def test_a_package_that_offers_what_it_holds_is_no_circle(tmp_path: Path) -> None:
    files = {f"{M}/core/__init__.py": "from sureflow.core.a import x", f"{M}/core/a.py": ""}
    assert told(tmp_path, "circles", files) == []
    asking = {f"{M}/core/a.py": "from sureflow.core import x"}
    assert len(told(tmp_path, "circles", asking)) == 1


ORDER = ("cli", "evaluation", "training", "families", "sampling", "confidence", "core")


@pytest.mark.parametrize(("upper", "lower"), [*pairwise(ORDER)])
def test_arrows_run_one_way(tmp_path: Path, upper: str, lower: str) -> None:
    """From every room to the one below and to the core, and never back, not even for a type."""
    down = {f"{M}/{upper}/a.py": f"import sureflow.{lower}.b\nimport sureflow.core.b"}
    files = down | {f"{M}/{lower}/b.py": "", f"{M}/core/b.py": ""}
    assert told(tmp_path, "arrows", files) == []
    text = f"if TYPE_CHECKING:\n    from sureflow.{upper}.a import x"
    assert told(tmp_path, "arrows", {f"{M}/{lower}/b.py": text}) == [
        f"{lower} -> {upper}: sureflow.{lower}.b:2 names as a type sureflow.{upper}.a"
    ]


@pytest.mark.parametrize(
    ("room", "other"),
    [
        *(("core", room) for room in ROOMS if room != "core"),
        ("sampling", "families"),
        ("confidence", "families"),
        ("confidence", "sampling"),
        ("moments", "networks"),
        ("networks", "model"),
        ("model", "sampling"),
        ("recipe", "families"),
        ("checkpoint", "training"),
    ],
)
def test_upward_arrows_are_told(tmp_path: Path, room: str, other: str) -> None:
    files = {f"{M}/{room}/a.py": f"def f():\n    import sureflow.{other}", f"{M}/{other}/b.py": ""}
    assert told(tmp_path, "arrows", files) == [
        f"{room} -> {other}: sureflow.{room}.a:2 imports when called sureflow.{other}"
    ]


def test_the_package_itself_may_import_all_and_nobody_imports_it(tmp_path: Path) -> None:
    files = {f"{M}/__init__.py": "from sureflow.core.a import x", f"{M}/core/a.py": ""}
    assert told(tmp_path, "arrows", files) == []
    assert told(tmp_path, "arrows", {f"{M}/cli/b.py": "from sureflow import __version__"}) == [
        "cli -> sureflow: sureflow.cli.b:1 imports sureflow"
    ]


def test_a_room_that_nobody_planned_is_told(tmp_path: Path) -> None:
    files = {f"{M}/attic.py": "import sureflow.cli", f"{M}/cli/a.py": "import sureflow.attic"}
    assert told(tmp_path, "arrows", files) == ["sureflow.attic is not among the rooms"]


def test_arrows_are_counted() -> None:
    rule = OneWay("", "p", {"up": ("down",), "down": ()})
    upward = [Import("p.down.a", f"p.up.{name}", 1, "runtime") for name in "bc"]
    tree = Tree({}, (*upward, Import("p.up.b", "p.down.a", 1, "runtime")))
    assert rule.arrows(tree) == {"down -> up": 2}


@pytest.mark.parametrize(
    ("rule", "file", "text"),
    [
        ("scores", f"{M}/families/flow/scores/a.py", "from sureflow.families.flow.lanes import x"),
        ("scores", f"{M}/core/score.py", "if TYPE_CHECKING:\n from sureflow.core.lanes import x"),
        ("families", f"{M}/families/flow/a.py", "import sureflow.families.tokens.b"),
        ("families", f"{M}/families/crystals/a.py", "import sureflow.families.counts"),
        ("library", f"{M}/cli/a.py", "def f():\n import sureflow_server.app"),
        ("library", f"{M}/core/a.py", "from sureflow_client import Client"),
        ("server", f"{S}/studio.py", "import sureflow_client"),
        ("server", f"{S}/studio.py", "if TYPE_CHECKING:\n import sureflow_studio.app"),
        ("client", f"{C}/_a.py", "import sureflow"),
        ("client", f"{C}/_a.py", "from sureflow_server.settings import x"),
        ("client", f"{T}/a.py", "from sureflow.core.lane import x"),
    ],
)
def test_forbidden_imports_are_told(tmp_path: Path, rule: str, file: str, text: str) -> None:
    around = {
        f"{M}/core/lanes.py": "",
        f"{M}/core/lane.py": "",
        f"{M}/families/flow/lanes.py": "",
        f"{M}/families/tokens/b.py": "",
        f"{M}/families/counts/b.py": "",
        f"{S}/settings.py": "",
        f"{S}/app.py": "",
        f"{C}/_b.py": "",
        f"{T}/app.py": "",
    }
    assert told(tmp_path, rule, around) == []
    (offender,) = told(tmp_path, rule, {file: text})
    module = next(
        name for name, there in house(tmp_path).modules.items() if there == tmp_path / file
    )
    assert offender.startswith(f"{module}:")


@pytest.mark.parametrize(
    ("rule", "file", "text"),
    [
        ("scores", f"{M}/families/flow/scores/a.py", "from sureflow.core.lane import x"),
        ("families", f"{M}/families/flow/a.py", "from sureflow.families.flow.spec import x"),
        ("families", f"{M}/families/crystals/a.py", "import sureflow.families.tokens"),
        ("families", f"{M}/cli/a.py", "import sureflow.families.tokens"),
        ("server", f"{S}/a.py", "import sureflow.core.lane"),
        ("client", f"{T}/a.py", "import sureflow_client"),
    ],
)
def test_what_is_allowed_is_not_told(tmp_path: Path, rule: str, file: str, text: str) -> None:
    around = {f"{M}/core/lane.py": "", f"{M}/families/tokens/b.py": "", f"{C}/_b.py": ""}
    assert told(tmp_path, rule, around | {file: text}) == []


def test_torch_is_found_behind_others_and_behind_packages(tmp_path: Path) -> None:
    files = {
        f"{S}/api/a.py": "from sureflow.core.lane import x",
        f"{M}/core/lane.py": "",
        f"{M}/core/__init__.py": "import sureflow.core.deep",
        f"{M}/core/deep.py": "from torch import nn",
    }
    assert told(tmp_path, "api", files) == [
        "sureflow_server.api.a loads torch\n"
        "    sureflow_server.api.a:1 imports sureflow.core.lane\n"
        "    sureflow.core.lane is in the package sureflow.core\n"
        "    sureflow.core:1 imports sureflow.core.deep\n"
        "    sureflow.core.deep:1 imports torch"
    ]


@pytest.mark.parametrize(
    "text", ["if TYPE_CHECKING:\n    import torch", "def f():\n    import torch.nn", "import numpy"]
)
def test_what_is_loaded_later_or_never_is_no_offence(tmp_path: Path, text: str) -> None:
    assert (
        told(tmp_path, "api", {f"{S}/api/a.py": text, f"{M}/families/flow/b.py": "import torch"})
        == []
    )


def test_the_face_of_a_family_loads_no_torch(tmp_path: Path) -> None:
    files = {
        f"{M}/families/flow/__init__.py": "from .solver import x",
        f"{M}/families/flow/solver.py": "import torch.nn",
    }
    (offender,) = told(tmp_path, "api", files)
    assert offender.startswith("sureflow.families.flow loads torch.nn\n")


@pytest.mark.parametrize("module", ["torch", "numpy.typing"])
def test_the_scheduler_loads_no_tensors(tmp_path: Path, module: str) -> None:
    files = {f"{S}/engine/scheduler.py": "from sureflow_server.engine.job import Job"}
    assert told(tmp_path, "scheduler", files | {f"{S}/engine/job.py": ""}) == []
    assert len(told(tmp_path, "scheduler", {f"{S}/engine/job.py": f"import {module}"})) == 1


@pytest.mark.parametrize("module", ["fastapi", "starlette.requests", "uvicorn"])
@pytest.mark.parametrize("file", [f"{S}/engine/loop.py", f"{M}/sampling/sampler.py"])
def test_the_tick_knows_no_http(tmp_path: Path, file: str, module: str) -> None:
    files = {file: "from sureflow.core.a import x", f"{M}/core/a.py": ""}
    assert told(tmp_path, "tick", files) == []
    assert len(told(tmp_path, "tick", {f"{M}/core/a.py": f"import {module}"})) == 1


@pytest.mark.parametrize("name", ["utils", "helpers", "manager", "misc"])
def test_files_are_named_by_their_nouns(tmp_path: Path, name: str) -> None:
    assert told(tmp_path, "names", {"benchmarks/utility.py": ""}) == []
    assert told(tmp_path, "names", {f"tests/server/{name}.py": ""}) == [
        str(tmp_path / f"tests/server/{name}.py")
    ]


def test_the_command_tells_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built(tmp_path, {f"{M}/core/a.py": ""})
    assert main([str(tmp_path)]) == 0
    assert "0 in 3 modules with 0 imports" in capsys.readouterr().out
    built(tmp_path, A_CIRCLE | {f"{M}/core/d.py": "import sureflow.cli", f"{M}/cli/e.py": ""})
    assert main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert CIRCLE_TOLD.replace("\n", "\n      ") in shown
    assert "         1  core -> cli\n" in shown
    assert "2 in 8 modules with 4 imports" in shown
    assert main([str(tmp_path), "--rule", "names"]) == 0
    assert main([str(tmp_path), "--counts"]) == 1
    assert "names as a type" not in capsys.readouterr().out
