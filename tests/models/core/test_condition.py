"""Conditions as requests write them."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from sureflow.core.card import Condition, ModelCard
from sureflow.core.condition import arrays_of
from sureflow.core.schema import InvalidFieldError

CARD = ModelCard(
    "edges",
    "",
    "image",
    (3, 4, 4),
    (),
    0,
    conditions={
        "control": Condition("image", (3, 4, 4)),
        "low": Condition("image", (1, 2, 2)),
        "hole": Condition("mask", (1, 4, 4)),
        "words": Condition("tokens", (3,)),
    },
)


def png(pixels: np.ndarray) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_images_are_read_from_files_and_lists() -> None:
    """In data units: black is -1, and white is 1."""
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0, 1] = 255, 0, 0
    given = {"control": png(pixels), "low": [[0.5, -1], [1, 0]], "hole": png(pixels[..., 0])}
    found = arrays_of(given, CARD, "condition")
    assert found["control"].shape == (3, 4, 4)
    assert found["control"][:, 0, 1].tolist() == [1, -1, -1]
    assert found["low"].tolist() == [[[0.5, -1], [1, 0]]]
    assert found["hole"].sum() == 1


@pytest.mark.parametrize(
    ("name", "written", "field"),
    [
        ("control", png(np.zeros((5, 4, 3), np.uint8)), "condition.control"),
        ("control", "no file", "condition.control"),
        ("low", [[1, 2, 3]], "condition.low"),
        ("words", [1.5, 0, 0], "condition.words"),
        ("other", [1], "condition.other"),
    ],
)
def test_what_is_wrong_is_named(name: str, written: object, field: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        arrays_of({name: written}, CARD, "condition")
    assert caught.value.field == field
