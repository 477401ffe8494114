"""Functions of torch that are written in Python, without its compiler.

They are the rules of the meta device and of forward mode, and what counts operations. Each of them
asks the compiler not to trace it, and imports it to ask, which takes a second and 30 MiB. While
nobody has imported it, there is nothing to ask.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

ANSWER = "__dynamo_disable"
"""Where torch keeps, with a rule, the function that the compiler gave for it."""

RULES = "torch._refs", "torch._decomp"
"""Where the rules are."""


@contextmanager
def unwatched(*homes: str) -> Iterator[None]:
    """Run functions of these modules, by default rules, unless there is a compiler to watch them.

    They have been imported, as far as they are no rules.
    """
    asking = () if "torch._dynamo" in sys.modules else _asking(homes or RULES)
    for rule in asking:
        setattr(rule, ANSWER, rule)
    try:
        yield
    finally:
        for rule in asking:
            vars(rule).pop(ANSWER, None)


@cache
def load_rules() -> None:
    """Load the rules that torch loads with the first dual number, without its warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import_module("torch._decomp.decompositions_for_jvp")


@cache
def _asking(homes: tuple[str, ...]) -> tuple[Callable[..., Any], ...]:
    """The functions that ask; none in a torch where they do it in another way."""
    if homes == RULES:
        load_rules()
    modules = [module for name, module in [*sys.modules.items()] if name.startswith(homes)]
    left = [rule for module in modules for rule in vars(module).values()]
    left += [method for kind in left if isinstance(kind, type) for method in vars(kind).values()]
    found: dict[int, Callable[..., Any]] = {}
    seen: set[int] = set()
    # Whoever asks holds the rule among the variables that it closes over, and so do all wrappers.
    while left:
        one = left.pop()
        if not isinstance(one, FunctionType) or id(one) in seen:
            continue
        seen.add(id(one))
        held = dict(_held(one))
        left += held.values()
        if one.__globals__["__name__"] == "torch._compile" and "fn" in held:
            found[id(held["fn"])] = held["fn"]
    return (*found.values(),)


def _held(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables that a function closes over, as far as they have a value."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):
            yield name, cell.cell_contents
