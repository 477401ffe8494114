"""The shapes that an imported model is to serve."""

from __future__ import annotations

from typing import Any

import pytest

from sureflow.importing.recognised import Recognised, RecognisedStage
from sureflow.importing.shapes import with_shapes


def found(shape: list[int], decoded: list[int] | None = None) -> Recognised:
    network: dict[str, Any] = {"kind": "frozen", "shape": shape}
    configs = {} if decoded is None else {"decoder": {"shape": decoded}, "sample_encoder": {}}
    stages = {name: RecognisedStage(config, {}) for name, config in configs.items()}
    return Recognised(network, {}, stages=stages)


@pytest.mark.parametrize(
    ("own", "sizes", "shapes"),
    [
        ([3, 28, 28], [(32, 16), (28, 28)], [[3, 32, 16], [3, 28, 28]]),
        ([3, 28, 28], [(3, 28, 28), (3, 4, 4)], [[3, 28, 28], [3, 4, 4]]),
        ([2, 16], [(16,), (32,)], [[2, 16], [2, 32]]),
        ([16, 4], [(16, 4), (32, 4)], [[16, 4], [32, 4]]),
        ([16], [(16,), (8,)], [[16], [8]]),
    ],
    ids=str,
)
def test_sizes_and_whole_shapes(own: list[int], sizes: Any, shapes: Any) -> None:
    """The first is the default one."""
    made = with_shapes(found(own), sizes).network
    assert (made["shape"], made["shapes"]) == (shapes[0], shapes)


def test_one_size_is_the_shape() -> None:
    assert with_shapes(found([1, 8, 8]), [(12, 12)]).network == {
        "kind": "frozen",
        "shape": [1, 12, 12],
    }
    plain = found([1, 8, 8])
    assert with_shapes(plain, []) is plain


def test_sizes_are_those_of_decoded_samples() -> None:
    made = with_shapes(found([4, 8, 8], [3, 64, 64]), [(128, 64), (64, 64)])
    assert made.network["shapes"] == [[4, 16, 8], [4, 8, 8]]
    assert made.stages["decoder"].config == {"shape": [3, 128, 64]}
    assert made.stages["sample_encoder"].config == {}


@pytest.mark.parametrize(
    ("own", "decoded", "size", "message"),
    [
        ([1, 8, 8], None, (8,), r"^shapes: 8 is no size of samples of shape \[1, 8, 8\]"),
        ([4, 8, 8], [3, 64, 64], (60, 64), r"^shapes: \[3, 60, 64\] has no whole latents"),
        ([4], [3, 64, 64], (32, 32), r"^shapes: samples .* are decoded to that shape alone"),
    ],
)
def test_sizes_that_do_not_suit(own: Any, decoded: Any, size: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_shapes(found(own, decoded), [size])
