"""Arithmetic expressions, by which a network is told the time. Nothing in them is executed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

LONGEST = 200
"""Most characters of an expression."""

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
}

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "round": torch.round,
    "sqrt": torch.sqrt,
}


def evaluate(text: str, names: Mapping[str, Tensor]) -> Tensor:
    """The value of an expression of these names, numbers, ``+ - * /`` and :data:`FUNCTIONS`.

    Raises:
        ValueError: It has anything else in it; says what.
    """
    try:
        value = _value(_parsed(text), names)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(f"{text!r} has no value: {error}") from error
    like = next(iter(names.values()))
    if isinstance(value, Tensor):
        return value.to(like.dtype).expand_as(like)
    # Filled in on the device: while a CUDA graph is captured, nothing can be copied to it.
    return torch.full_like(like, value)


def rounds(text: str) -> bool:
    """Whether an expression as a whole is a ``round(...)``, and so a whole number.

    Raises:
        ValueError: It is no expression.
    """
    node = _parsed(text)
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Name) and called.id == "round"


@lru_cache(256)
def _parsed(text: str) -> ast.AST:
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is no expression") from error


def _value(node: ast.AST, names: Mapping[str, Tensor]) -> Any:
    if isinstance(node, ast.Constant):
        number = node.value
        if isinstance(number, int | float) and not isinstance(number, bool):
            return float(number)
    if isinstance(node, ast.Name):
        if node.id in names:
            return names[node.id]
        raise ValueError(f"{node.id!r} is unknown here; there are {', '.join(names)}")
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_value(node.left, names), _value(node.right, names))
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_value(node.operand, names))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id in FUNCTIONS and len(node.args) == 1:
            given = torch.as_tensor(_value(node.args[0], names), dtype=torch.float64)
            return FUNCTIONS[node.func.id](given)
        raise ValueError(f"{node.func.id!r} is no function here; there are {', '.join(FUNCTIONS)}")
    raise ValueError(f"{ast.unparse(node)!r} is more than arithmetic")
