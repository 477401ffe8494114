"""The pages on the Python packages: what they export, from their docstrings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from inspect import cleandoc
from typing import Any

from documents.outside import ROOT

PACKAGES = {"sureflow": ROOT / "models", "sureflow_client": ROOT / "clients" / "python"}
"""The packages, and the folders that they are in."""


def page(package: str) -> str:
    """Return the page as mkdocstrings makes it: a directive for each public name."""
    exports = sorted(exported(package))
    directives = [f"::: {package}.{name}\n" for name in exports]
    return "\n".join((f"# Python: {package}\n", _summary(package), *directives))


def twin(package: str) -> str:
    """Return the page as plain Markdown: signatures and docstrings."""
    module = _loaded(package)
    parts = [f"# Python: {package}\n", _summary(package)]
    for name in sorted(exported(package)):
        parts += _section(module[name], 2)
    return "\n".join(parts)


@cache
def exported(package: str) -> tuple[str, ...]:
    """Return the public names of a package, without what is another package's."""
    module = _loaded(package)
    named = [str(name) for name in module.exports or ()]
    return tuple(name for name in named if not name.startswith("__") and _ours(module[name]))


def _ours(member: Any) -> bool:
    return not member.is_alias or str(member.target_path).startswith(tuple(PACKAGES))


@cache
def _loaded(package: str) -> Any:
    import griffe

    return griffe.load(package, search_paths=[PACKAGES[package]], resolve_aliases=True)


def _summary(package: str) -> str:
    said = _loaded(package).docstring
    return f"{_fenced(cleandoc(said.value))}\n" if said else ""


def _fenced(text: str) -> str:
    """Return a docstring with its sessions as blocks of code."""
    parts = text.split("\n\n")
    return "\n\n".join(f"```pycon\n{one}\n```" if one.startswith(">>>") else one for one in parts)


def _section(member: Any, level: int) -> Iterator[str]:
    """Yield a name with its signature and docstring, then its public methods."""
    yield f"{'#' * level} `{_signature(member)}`\n"
    if member.docstring:
        yield f"{_fenced(cleandoc(member.docstring.value))}\n"
    for method in getattr(member, "functions", {}).values() if member.is_class else ():
        if method.is_public and method.docstring:
            yield from _section(method, level + 1)


def _signature(member: Any) -> str:
    if not member.is_function:
        return str(member.name)
    return f"{member.name}({', '.join(map(_argument, member.parameters))})"


def _argument(parameter: Any) -> str:
    stars = {"variadic positional": "*", "variadic keyword": "**"}.get(parameter.kind.value, "")
    given = "" if parameter.default is None or stars else f"={parameter.default}"
    return f"{stars}{parameter.name}{given}"
