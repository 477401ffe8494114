"""The list of faults names tests that are there."""

from __future__ import annotations

import ast
import re

from tests.server.running import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_fault_has_its_tests() -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "faults.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| fault")
    ]
    assert len(rows) > 20
    for row in rows:
        named = NAMED.findall(row)
        assert named, row
        for file, test in named:
            tree = ast.parse((ROOT / file).read_text())
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
            there = {node.name for node in tree.body if isinstance(node, kinds)}
            assert test in there, f"{file} has no {test}"
