"""Whether what was printed is what a document says: to a tolerance, whatever ids and times are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import isclose
from typing import Any

RELATIVE, ABSOLUTE = 0.02, 0.01
ROUGH = 0.25
"""Either tolerance of what depends on a training, which rounding leads elsewhere."""

Near = Callable[[float, float], bool]
ID = r"(?:req|hdl|job|sf)_[\w-]+|sha256:[0-9a-f]{8,}"
SECONDS = r"\d+(?:\.\d+)? ?(?:s|ms|min)\b"
NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
PART = re.compile(rf"(?P<id>{ID})|(?P<time>{SECONDS})|(?P<number>{NUMBER})|(?P<any>\.\.\.|…)|\s+")


def same(said: str, printed: str, *, roughly: bool = False) -> bool:
    """Whether a program printed what a document says; ``...`` stands for anything.

    Of JSON the document may leave members out, but nothing else.
    """
    near = about if roughly else close
    try:
        wanted, found = json.loads(said), json.loads(printed)
    except ValueError:
        return _same_text(said.strip(), printed.strip(), near)
    return _same_json(wanted, found, near)


def close(wanted: float, found: float) -> bool:
    """Whether two numbers are equal to the tolerance of documents."""
    return isclose(wanted, found, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def about(wanted: float, found: float) -> bool:
    """Whether two numbers may come of two trainings that differ in rounding alone."""
    return isclose(wanted, found, rel_tol=ROUGH, abs_tol=ROUGH)


def _same_text(said: str, printed: str, near: Near) -> bool:
    wanted: list[float] = []
    match = re.fullmatch(_pattern(said, wanted), printed, re.DOTALL)
    return match is not None and all(map(near, wanted, map(float, match.groups())))


def _pattern(said: str, numbers: list[float]) -> str:
    """Return what fits a text but for its numbers, each of which is a group; they are collected."""
    parts, end = [], 0
    for found in PART.finditer(said):
        parts += [re.escape(said[end : found.start()]), _part(found)]
        if found["number"]:
            numbers.append(float(found["number"]))
        end = found.end()
    return "".join((*parts, re.escape(said[end:])))


def _part(found: re.Match[str]) -> str:
    known = {"id": rf"(?:{ID})", "time": SECONDS, "number": f"({NUMBER})", "any": ".*?"}
    return known.get(found.lastgroup or "", r"\s+")


def _same_json(wanted: Any, found: Any, near: Near) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and _same_json(one, found[name], near) for name, one in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(_same_json(*both, near) for both in zip(wanted, found, strict=True))
        )
    if isinstance(wanted, str):
        return isinstance(found, str) and _same_text(wanted, found, near)
    if isinstance(wanted, bool) or wanted is None:
        return wanted is found
    return isinstance(found, int | float) and near(wanted, found)
