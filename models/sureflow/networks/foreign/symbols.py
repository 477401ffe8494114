"""Checks the expressions for sizes in an exported program, which torch evaluates as Python text."""

from __future__ import annotations

import ast
import re

LONGEST, MOST_NODES = 4000, 300
LARGEST_POWER = 4

NAMES = """
Add Mul Pow Max Min Mod PythonMod FloorDiv CleanDiv CeilDiv CeilToInt FloorToInt TruncToInt
RoundToInt ToFloat IntTrueDiv FloatTrueDiv Equality Unequality StrictLessThan LessThan
StrictGreaterThan GreaterThan And Or Not
"""
FUNCTIONS = frozenset(NAMES.split())
"""Functions of other expressions."""

SYMBOL = re.compile(r"[a-z]{1,6}[0-9]{1,4}", re.ASCII)
"""Names of sizes. torch counts up to the number in a name, so it has few digits."""

NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{0,30})?(e[+-]?[0-9]{1,3})?", re.ASCII)


def check_expression(text: object) -> str:
    """Check an expression such as ``Mul(Integer(2), Symbol('s0', integer=True))``.

    Returns:
        The expression, written anew.

    Raises:
        ValueError: It is of any other form.
    """
    try:
        if not isinstance(text, str) or len(text) > LONGEST:
            raise ValueError("no expression")
        tree = ast.parse(text, mode="eval")
        if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
            raise ValueError("an expression of too many parts")
        _check(tree.body)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        said = str(text)[:60]
        raise ValueError(
            f"program: {said!r} is no expression for a size, as torch.export.save writes them"
        ) from error
    return ast.unparse(tree)


def symbol(name: object) -> str:
    """Check the name of a symbolic size.

    Raises:
        ValueError: It is none.
    """
    if not (isinstance(name, str) and SYMBOL.fullmatch(name)):
        raise ValueError(f"program: {str(name)[:60]!r} is no name of a size")
    return name


def _check(node: ast.expr) -> None:
    if isinstance(node, ast.Name) and node.id in ("true", "false"):
        return
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise ValueError("a part is no call of a function")
    name, arguments = node.func.id, node.args
    settings = {keyword.arg: keyword.value for keyword in node.keywords}
    if name == "Symbol":
        (value,) = arguments
        symbol(_constant(value))
        if not all(type(_constant(setting)) is bool for setting in settings.values()):
            raise ValueError("an assumption is no truth value")
    elif name == "Integer" and not settings:
        (value,) = arguments
        _integer(value)
    elif name == "Float":
        (value,) = arguments
        if not NUMBER.fullmatch(str(_constant(value))) or settings.keys() - {"precision"}:
            raise ValueError("no number")
        if not all(0 < _integer(setting) <= 64 for setting in settings.values()):
            raise ValueError("no precision")
    elif name == "Rational" and not settings:
        if not all(_integer(value) for value in arguments):
            raise ValueError("no fraction")
    elif name in FUNCTIONS and not settings:
        if name == "Pow":
            _check_power(arguments)
        for argument in arguments:
            _check(argument)
    else:
        raise ValueError(f"{name} is no function of sizes")


def _check_power(arguments: list[ast.expr]) -> None:
    base, power = arguments
    if any(isinstance(part, ast.Name) and part.id == "Pow" for part in ast.walk(base)):
        raise ValueError("a power of a power")
    if not (isinstance(power, ast.Call) and len(power.args) == 1):
        raise ValueError("a power is no number")
    if abs(_integer(power.args[0])) > LARGEST_POWER:
        raise ValueError("a power is too large")


def _integer(node: ast.expr) -> int:
    value = _constant(node)
    if type(value) is not int or abs(value) >= 1 << 63:
        raise ValueError("no integer")
    return value


def _constant(node: ast.expr) -> object:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _constant(node.operand)
        if type(value) is int:
            return -value
    if isinstance(node, ast.Constant):
        return node.value
    raise ValueError("a part is no constant")
