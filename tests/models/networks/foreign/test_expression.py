"""The time of a network is arithmetic, and nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sureflow.networks.foreign.expression import LONGEST, evaluate, rounds

NAMES = {
    "t": torch.tensor([0.25, 0.5], dtype=torch.float64),
    "sigma": torch.tensor([3.0, 1.0], dtype=torch.float64),
}

VALUES = {
    "t": [0.25, 0.5],
    " 1000 * (1 - t) ": [750, 500],
    "0.25 * log(sigma)": [0.25 * math.log(3), 0],
    "-t + sigma / 2 - 1e3": [1.25 - 1000, -1000],
    "round(999 * t)": [250, 500],
    "sqrt(exp(2 * t))": [math.exp(0.25), math.exp(0.5)],
    "- -3": [3, 3],
    "exp(1)": [math.e] * 2,
    "7": [7, 7],
}


@pytest.mark.parametrize("text", VALUES)
def test_arithmetic(text: str) -> None:
    found = evaluate(text, NAMES)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx(VALUES[text])


REFUSED = [
    *("", " ", "t +", "t; t", "t = 1", "x", "step", "t ** 2", "t // 1", "t % 1", "t @ t", "t | t"),
    *("+t", "~t", "not t", "t < 1", "t and t", "t if t else t", "(t, t)", "[t]", "{t}", "t[0]"),
    *(
        "t.data",
        "t.__class__",
        "().__class__",
        "abs(t)",
        "eval('1')",
        "__import__('os')",
    ),
    *("log(t, t)", "log()", "log(x=t)", "log(*t)", "lambda: t", "[t for t in t]", "f'{t}'", "'t'"),
    *("b't'", "None", "True", "...", "1j", "(t := 1)", "await t", "yield t", "log.__class__(t)"),
    *("(log)(t)(t)", "\0", "t\n+1", "t # comment\n; t", "1 / 0", "log(t)(t)", "\ud800", "0x"),
    "9" * (LONGEST + 1),
    "(" * 99 + "t" + ")" * 99 + " + 1 + 1",
    "t" + " " * LONGEST,
]


@pytest.mark.parametrize("text", REFUSED)
def test_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"^['\"]|^is longer"):
        evaluate(text, NAMES)


@pytest.mark.parametrize("text", ["-" * (LONGEST - 1) + "t", "(" * 90 + "t" + ")" * 90])
def test_deep_nesting_is_read_or_refused(text: str) -> None:
    said = "is no expression"
    try:
        assert evaluate(text, NAMES).shape == (2,)
    except ValueError as error:
        said = str(error)
    assert "is no expression" in said


PIECES = (
    *("t", "sigma", "step", "log", "exp", "round", "sqrt", "(", ")", "+", "-", "*", "/", "**", "."),
    *(" ", ",", "1", "0", "1e999", "'", "_", "__class__", "[", "]", "lambda", ":", "if", "=", "\n"),
)


@given(st.one_of(st.text(max_size=30), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_any_text_is_a_tensor_or_refused(text: str) -> None:
    try:
        found = evaluate(text, NAMES)
    except ValueError:
        return
    assert isinstance(found, Tensor)
    assert found.shape == (2,)


def test_whole_expressions() -> None:
    assert rounds(" round(1000 * t) ")
    for text in ("round(t) / 10", "1 + round(t)", "t", "round", "(round(t) + round(t))"):
        assert not rounds(text)
