"""Frames as bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from sureflow.core import frame as module
from sureflow.core.frame import FORMAT, NOTE, Frame, nearest

FRAME = Frame(
    3,
    0.3,
    {
        "x": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "weight": np.array(0.1),
        "tries": np.array(2**62),
        "mask": np.array([True, False]),
        "none": np.zeros((0, 2), np.float32),
    },
)


def note(data: bytes) -> dict:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"][NOTE])


def changed(**changes) -> bytes:
    """The frame's bytes with another note; None leaves an entry out."""
    data = FRAME.dump()
    entries = {k: v for k, v in {**note(data), **changes}.items() if v is not None}
    return save(load(data), {NOTE: json.dumps(entries)})


def test_arrays_of_every_kind_come_back_bit_for_bit() -> None:
    again = Frame.parse(FRAME.dump())
    assert (again.step, again.t, again.arrays.keys()) == (3, 0.3, FRAME.arrays.keys())
    for name, array in FRAME.arrays.items():
        found = again.arrays[name]
        assert (found.dtype, found.shape, found.tobytes()) == (
            array.dtype,
            array.shape,
            np.ascontiguousarray(array).tobytes(),
        )
    assert again.dump() == FRAME.dump()
    assert FRAME.nbytes == 24 + 8 + 8 + 2


def test_the_note_says_which_format() -> None:
    assert note(FRAME.dump())["format"] == FORMAT == 2


@pytest.mark.parametrize("other", [1, 3, None, "2"])
def test_a_frame_of_another_format_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match=r"not a frame: .*another version of the software"):
        Frame.parse(changed(format=other))


def test_frames_written_before_there_was_a_format_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(module, "FORMAT", 1)
    old = FRAME.dump()
    monkeypatch.undo()
    with pytest.raises(ValueError, match="another version"):
        Frame.parse(old)


@pytest.mark.parametrize("changes", [{"step": 4}, {"t": 0.31}, {"sum": "0" * 32}])
def test_a_note_of_another_frame_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match="checksum"):
        Frame.parse(changed(**changes))


@pytest.mark.parametrize("changes", [{"step": None}, {"t": "soon"}, {"sum": None}])
def test_a_note_that_says_too_little_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match="not a frame"):
        Frame.parse(changed(**changes))


def test_arrays_of_another_frame_are_refused() -> None:
    data = FRAME.dump()
    arrays = {**load(data), "mask": np.array([True, True])}
    with pytest.raises(ValueError, match="checksum"):
        Frame.parse(save(arrays, {NOTE: json.dumps(note(data))}))


def test_the_nearest_is_the_latest_that_is_not_later() -> None:
    frames = [Frame(step, step / 10, {}) for step in (5, 1, 3)]
    assert [nearest(frames, step) for step in (0, 1, 4, 9)] == [
        None,
        frames[1],
        frames[2],
        frames[0],
    ]
