"""The file of a calibration: what is wrong with one is said by the name of the entry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from sureflow.confidence.calibration_file import sections_of, strata_of, version_of, write


def test_tensors_are_told_apart_by_their_sections() -> None:
    tensors = {"a/x": np.zeros(2), "a/y": np.ones(1), "b/x/z": np.ones(3)}
    sections, metadata = sections_of(save(tensors, {"score": "propagated"}))
    assert {name: sorted(each) for name, each in sections.items()} == {
        "a": ["x", "y"],
        "b": ["x/z"],
    }
    assert metadata == {"score": "propagated"}
    with pytest.raises(ValueError, match="a/x is float32, not float64"):
        sections_of(save({"a/x": np.zeros(2, np.float32)}))


def test_strata_have_names_or_numbers() -> None:
    assert strata_of({}, 3) == ("0", "1", "")
    assert strata_of({"strata": '["a", ""]'}, 2) == ("a", "")
    for wrong in ('["a"]', '["a", "a"]', "[1, 2]", "nothing"):
        with pytest.raises(ValueError, match="strata: "):
            strata_of({"strata": wrong}, 2)


def test_a_file_takes_the_place_of_another_at_once(tmp_path: Path) -> None:
    path = tmp_path / "calibration.safetensors"
    for data in (b"one", b"other"):
        write(path, data)
        assert path.read_bytes() == data
    assert [*tmp_path.iterdir()] == [path]
    assert version_of(b"one") != version_of(b"other")
