"""The times of a student's evaluations in their file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from sureflow.families.students.schedule import Schedule


def test_a_schedule_is_what_was_written(tmp_path: Path) -> None:
    schedule = Schedule({2: np.array([0, 0.3, 1]), 1: np.array([0.0, 1])}, {"teacher": "ring"})
    schedule.save(tmp_path / "schedule.safetensors")
    read = Schedule.load(tmp_path / "schedule.safetensors")
    assert read.step_counts == (1, 2)
    assert read.times(2).tolist() == [0, 0.3, 1]
    assert read.settings == {"teacher": "ring"}
    assert read.tensors().keys() == {"1", "2"}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "no number of steps"),
        ({"a": np.array([0.0, 1])}, "holds a"),
        ({"1": np.array([0, 1], np.float32)}, "not float64"),
        ({"2": np.array([0.0, 1])}, "do not ascend"),
        ({"2": np.array([0, 0.6, 0.5, 1])}, "do not ascend"),
        ({"2": np.array([0.1, 0.5, 1])}, "do not ascend"),
        ({"2": np.array([0, np.nan, 1])}, "do not ascend"),
    ],
)
def test_damage_is_named(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = tmp_path / "schedule.safetensors"
    save_file(arrays, path)
    with pytest.raises(ValueError, match=message):
        Schedule.load(path)
