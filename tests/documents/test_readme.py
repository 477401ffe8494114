"""The README is short, and its claims are those of the page of all claims."""

from __future__ import annotations

import re

from documents.outside import ROOT

NUMBER = re.compile(r"\d+(?:\.\d+)?")
COMMAND = re.compile(r"`(python -m benchmarks[^`]*)`")


def rows(page: str) -> list[str]:
    text = (ROOT / page).read_text()
    return [line for line in text.splitlines() if line.startswith("| ") and COMMAND.search(line)]


def test_it_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 170


def test_ones_own_model_is_served_from_it_alone() -> None:
    """Right after the first answer: what the network has to be, and every step to its samples."""
    _, *sections = re.split(r"^## ", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    titles = [section.partition("\n")[0] for section in sections]
    assert titles[:4] == ["Two commands", "A first answer", "Your own model", "Five claims"]
    own = sections[2]
    for said in ("`forward(x, t)`", "at `t = 0`", "`data - noise`", "depends on that row alone"):
        assert said in own
    steps = [own.index(f"sureflow {step} ") for step in ("import", "fit", "calibrate", "serve")]
    assert steps == sorted(steps)
    assert own.index("sureflow-client generate mine") > steps[-1]


def test_its_claims_are_among_all_claims() -> None:
    claims = rows("README.md")
    assert len(claims) == 5
    known = rows("docs/benchmarks/claims.md")
    for claim in claims:
        command = COMMAND.findall(claim)[-1]
        _, figure, baseline, _ = claim.strip("|").split("|")
        numbers = {*NUMBER.findall(figure), *NUMBER.findall(baseline)}
        assert numbers
        same = [row for row in known if COMMAND.findall(row)[-1] == command]
        assert numbers <= {*NUMBER.findall("\n".join(same))}, claim
