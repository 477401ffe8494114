"""What requests carry."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sureflow_client import Guide, Inpaint, Resample, Uncertain
from sureflow_client._encode import encode_array, encode_mask


def decoded(text: str) -> Any:
    return np.load(io.BytesIO(base64.b64decode(text)))


def tensor(values: object) -> Any:
    import torch

    return torch.tensor(values, requires_grad=True)


@pytest.mark.parametrize("make", [list, np.array, tensor, lambda x: np.array(x)[::-1][::-1]])
def test_arrays_are_exact(make: Any) -> None:
    values = [0.5, -1.25, 3.0]
    array = decoded(encode_array(make(values)))
    assert array.dtype == np.float32
    assert array.tolist() == values


def test_images_travel_as_such() -> None:
    image = PIL.Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    data = base64.b64decode(encode_array(image))
    assert PIL.Image.open(io.BytesIO(data)).tobytes() == image.tobytes()


def test_bytes_are_nobodys_units() -> None:
    with pytest.raises(ValueError, match="PIL"):
        encode_array(np.zeros((2, 2), np.uint8))


@pytest.mark.parametrize(
    "mask",
    [[True, False], [2.0, 0.0], np.array([1, 0], np.uint8), np.array([True, False]), [0.1, -0.1]],
    ids=str,
)
def test_masks_are_ones_and_zeros(mask: Any) -> None:
    assert encode_mask(mask) == [1, 0]


def test_masks_may_be_torch_tensors() -> None:
    assert encode_mask(tensor([[1.0], [0.0]])) == [[1], [0]]


def test_operations_as_requests_have_them() -> None:
    assert Resample(region=Uncertain(0.2)).body()["region"] == {"uncertain": 0.2}
    assert Resample(region=np.eye(2)).body()["region"] == {"mask": [[1, 0], [0, 1]]}
    inpaint = Inpaint([1, 0], [0.5, 0.25]).body()
    assert inpaint["mask"] == [1, 0]
    assert decoded(inpaint["known"]).tolist() == [0.5, 0.25]
    assert "known" not in Inpaint([1, 0]).body()
    assert decoded(Guide("blur", [0.5], sigma=2.0).body()["target"]).tolist() == [0.5]
