"""Tables of what holds name tests that are there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.server.running import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.mark.parametrize(
    ("page", "head", "least"), [("docs/faults.md", "| fault", 20), ("SECURITY.md", "| who", 12)]
)
def test_every_row_has_its_tests(page: str, head: str, least: int) -> None:
    lines = (ROOT / page).read_text().partition(head)[2].splitlines()[2:]
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) > least
    for row in rows:
        named = NAMED.findall(row)
        assert named, row
        for file, test in named:
            tree = ast.parse((ROOT / file).read_text())
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
            there = {node.name for node in tree.body if isinstance(node, kinds)}
            assert test in there, f"{file} has no {test}"
