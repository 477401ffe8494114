from __future__ import annotations

import json
import re

import pytest

from benchmarks.simulate.account import Account
from benchmarks.simulate.scale import FIGURES, PAGE, TEMPLATE, big, need, of_fleet, page

ACCOUNT = Account(40, 0.004, 0.0002, 1000, 500, 3000)


def test_a_day_is_reckoned_from_one_sample_and_one_replica() -> None:
    found = need(86_400 * 100, ACCOUNT, {"depth": 0.5}, rows=150.0)
    assert found.samples == 100
    assert found.rows == 4000
    assert found.replicas == 27
    assert found.waiting == 13.5
    assert found.api_cores == pytest.approx(0.4)
    assert found.answer_bytes == 100_000
    assert found.recipe_bytes == 100 * 3600 * 500
    assert found.handle_bytes == 100 * 3600 * 3500


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00184, "", "0.00184"),
        (11.57, "", "11.6"),
        (46_296, "", "46,296"),
        (4.63e6, "", "4.63 M"),
        (742, "B", "742 B"),
        (1.67e12, "B", "1.67 TB"),
        (14_500, "B/s", "14.5 kB/s"),
    ],
)
def test_figures_are_short(value: float, unit: str, text: str) -> None:
    assert big(value, unit) == text


def test_the_page_is_made_of_the_stored_simulation() -> None:
    record = json.loads(FIGURES.read_text())
    rows = of_fleet(record, "least outstanding")["rows_per_second"]
    text = page("m", ACCOUNT, record, rows)
    assert "{" not in text
    filled = re.sub(r"{\w+}", "", TEMPLATE.read_text())
    shown = PAGE.read_text()
    assert all(line in shown for line in filled.splitlines() if line.startswith("## "))
    assert f"with 100 | {rows:.0f} |" in shown, "run python -m benchmarks.simulate.scale --docs"
