"""What is made of the answers to the question for known weaknesses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy import audit

SOUND: dict[str, Any] = {"name": "sound", "version": "1.0", "vulns": []}
WEAK: dict[str, Any] = {
    "name": "weak",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
UNKNOWN: dict[str, Any] = {"name": "unknown", "skip_reason": "not found"}


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_weakness_fails() -> None:
    message, code = audit.summary(report(SOUND, WEAK, UNKNOWN), "")
    assert code == 1
    assert "2 known weaknesses" in message
    assert "weak 2.0: PYSEC-1, mended in 2.1" in message
    assert "PYSEC-2, mended in no version" in message


def test_one_that_was_looked_at_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ACCEPTED", {"PYSEC-1": "not called", "PYSEC-2": "not called"})
    assert audit.summary(report(SOUND, WEAK), "") == ("no known weakness in 2 of 2 packages", 0)


@pytest.mark.parametrize(
    ("text", "errors", "said"),
    [
        ("", "ERROR: first\nERROR: cannot connect\n", "skipped, no answer: ERROR: cannot connect"),
        ("", "", "skipped, no answer: nothing was said"),
        ("{}", "", "skipped, no answer: nothing was said"),
        (report(UNKNOWN, UNKNOWN), "", "skipped, nothing is known of any of 2 packages"),
    ],
)
def test_without_an_answer_it_says_so(text: str, errors: str, said: str) -> None:
    assert audit.summary(text, errors) == (said, 0)
