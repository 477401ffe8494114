"""The imports of a tree of Python packages, read without running anything."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

Kind = Literal["runtime", "typing", "function", "package"]
"""When it is imported: with the module; never, being for type checkers; when a function is called;
or as the package of a module, whose ``__init__`` runs before the module does."""

SPOKEN: dict[Kind, str] = {
    "runtime": "imports",
    "typing": "names as a type",
    "function": "imports when called",
    "package": "is in the package",
}


@dataclass(frozen=True, slots=True)
class Import:
    """A module that another one imports.

    Attributes:
        source: Who imports.
        target: What: a module of ours if there is one of that name, or the name as it is written.
        line: Where, from 1; 0 for the package of a module.
        kind: When.
    """

    source: str
    target: str
    line: int
    kind: Kind

    def __str__(self) -> str:
        at = f":{self.line}" if self.line else ""
        return f"{self.source}{at} {SPOKEN[self.kind]} {self.target}"


@dataclass(frozen=True)
class Tree:
    """Modules and what they import.

    Attributes:
        modules: Their files by name.
        imports: Those of all modules, in the order of modules and lines.
    """

    modules: dict[str, Path]
    imports: tuple[Import, ...]

    @cached_property
    def by_source(self) -> dict[str, list[Import]]:
        """The imports of each module."""
        grouped: dict[str, list[Import]] = {module: [] for module in self.modules}
        for one in self.imports:
            grouped[one.source].append(one)
        return grouped

    def loaded_with(self, module: str) -> list[Import]:
        """What runs when a module is imported: its packages, and its imports at run time."""
        packages = [
            Import(module, package, 0, "package")
            for package in _packages(module)
            if package in self.modules
        ]
        own = self.by_source.get(module, [])
        return packages + [one for one in own if one.kind == "runtime"]


def read(roots: Mapping[str, Path], also: str = "") -> Tree:
    """Read all modules below some folders.

    Args:
        roots: Folder of each package, by the name of the package.
        also: Package whose modules import each other without naming it, too.

    Raises:
        SyntaxError: A file is not Python.
    """
    modules = {
        _name(package, file.relative_to(folder)): file
        for package, folder in roots.items()
        for file in sorted(folder.rglob("*.py"))
    }
    found = [one for name, file in modules.items() for one in _of(name, file, modules, also)]
    return Tree(modules, tuple(found))


def _name(package: str, file: Path) -> str:
    parts = (package, *file.with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _packages(module: str) -> Iterator[str]:
    """The packages that a module is in, the outermost first."""
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def _of(name: str, file: Path, modules: Iterable[str], also: str) -> list[Import]:
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    finder = _Finder(package)
    finder.visit(ast.parse(file.read_text(), file))
    seen: dict[tuple[str, Kind], Import] = {}
    prefixes = ("", f"{also}.") if also and name.startswith(f"{also}.") else ("",)
    for candidates, line, kind in finder.found:
        known = (p + c for c in candidates for p in prefixes if p + c in modules)
        target = next(known, candidates[-1])
        seen.setdefault((target, kind), Import(name, target, line, kind))
    return list(seen.values())


class _Finder(ast.NodeVisitor):
    """Collects imports, and what each may mean: a module, or a name within the one before it.

    Args:
        package: What relative imports are relative to.
    """

    def __init__(self, package: str) -> None:
        self.found: list[tuple[list[str], int, Kind]] = []
        self._package = package
        self._kind: Kind = "runtime"

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.found.append(([alias.name], node.lineno, self._kind))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = self._package.split(".")
            above = parts[: len(parts) - node.level + 1]
            base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            self.found.append(([f"{base}.{alias.name}", base], node.lineno, self._kind))

    def visit_Call(self, node: ast.Call) -> None:
        """``import_module`` of a name that is written out."""
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        called = called.id if isinstance(called, ast.Name) else called
        first = node.args[0] if node.args else None
        if called in ("import_module", "__import__") and isinstance(first, ast.Constant):
            self.found.append(([str(first.value)], node.lineno, self._kind))
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._within(node.body, "function")

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._within(node.body, "function")

    def visit_If(self, node: ast.If) -> None:
        negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
        test = node.test.operand if isinstance(node.test, ast.UnaryOp) else node.test
        name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
        if name != "TYPE_CHECKING":
            self.generic_visit(node)
            return
        for body, typed in ((node.body, not negated), (node.orelse, negated)):
            self._within(body, "typing" if typed else self._kind)

    def _within(self, body: list[ast.stmt], kind: Kind) -> None:
        """Look at statements that run at another time than those around them."""
        before = self._kind
        self._kind = before if before == "typing" else kind
        for statement in body:
            self.visit(statement)
        self._kind = before
