"""Where a confidence is calibrated, and where it must not be said to be."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sureflow.confidence.ranges import CalibratedRange, calibrated_for, calibrated_range, in_words
from sureflow.core.setting import Setting
from sureflow.families.flow.setting import named


def of(setting: Setting, *ends: tuple[float, float | None]) -> CalibratedRange:
    return calibrated_range(setting.line, ends)


RANGES = {
    "likelihood": (
        of(named("heun", 1), (10, None)),
        of(named("heun", None, 1), (0.01, 0.1)),
        of(named("euler", 1), (20, 50), (100, 100)),
        of(named("euler", 1, guidance=3.0), (50, None)),
        of(named("heun", 1, grid="fitted"), (8, 8)),
    )
}


@pytest.mark.parametrize(
    ("setting", "calibrated"),
    [
        (named("heun", 10), True),
        (named("heun", 9), False),
        (named("heun", 1000), True),
        (named("rk4", 20), False),
        (named("euler", 30), True),
        (named("euler", 60), False),
        (named("euler", 100), True),
        (named("euler", 101), False),
        (named("heun", 20, grid="fitted"), False),
        (named("heun", 8, grid="fitted"), True),
        (named("heun", None, 0.05), True),
        (named("heun", None, 0.005), False),
        (named("heun", None, 0.1), True),
        (named("euler", None, 0.05), False),
        (named("heun", 20, guidance=3.0), False),
        (named("euler", 50, guidance=3.0), True),
        (named("heun", 20, comparable=False), False),
        (None, False),
    ],
    ids=str,
)
def test_calibrated_for(setting: Setting | None, calibrated: bool) -> None:
    assert calibrated_for(RANGES, "likelihood", setting) is calibrated
    assert not calibrated_for(RANGES, "straightness", setting)


def test_words() -> None:
    assert in_words(RANGES, "likelihood", named("rk4", 3)) == (
        "grid uniform, method heun: 10 or more steps; "
        "grid uniform, method heun: tolerance of 0.01 to 0.1; "
        "grid uniform, method euler: 20 to 50 steps or 100 steps; "
        "grid fitted, method heun: 8 steps"
    )
    assert in_words(RANGES, "likelihood", named("rk4", 3, guidance=2.0)) == ""
    loose = {"likelihood": (of(named("ab2", None, 1), (0.0, 0.1)),)}
    assert in_words(loose, "likelihood", named("rk4", 3)).endswith("tolerance of at most 0.1")


def test_it_travels_as_json_in_the_form_that_clients_know() -> None:
    record = json.loads(json.dumps(RANGES))
    assert record["likelihood"][:2] == [
        {
            "method": "heun",
            "guidance": 1.0,
            "grid": "uniform",
            "steps": [[10, None]],
            "tolerance": [],
        },
        {
            "method": "heun",
            "guidance": 1.0,
            "grid": "uniform",
            "steps": [],
            "tolerance": [[0.01, 0.1]],
        },
    ]
    for steps in (8, 10):
        setting = named("heun", steps)
        found = calibrated_for(record, "likelihood", setting)
        assert found is calibrated_for(RANGES, "likelihood", setting)


def test_settings_are_read_as_they_are_written() -> None:
    for setting in (named("heun", 12, guidance=2.0), named("ab2", None, 0.03, grid="fitted")):
        assert Setting.of(json.loads(json.dumps(setting.record()))) == setting
        assert replace(setting, comparable=False) != setting


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "heun"},
        {"steps": 3, "tolerance": 0.1},
        {"steps": 0},
        {"steps": True},
        {"tolerance": float("nan")},
        {"steps": "3"},
        {"steps": 3, "guidance": float("inf")},
        {"steps": 3, "method": ["heun"]},
    ],
    ids=str,
)
def test_what_is_no_setting_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"should have steps or tolerance|is no string"):
        Setting.of(wrong)
