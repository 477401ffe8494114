"""The names of a module's weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sureflow.importing.adapter import Adapter
from sureflow.importing.named_module import read_module


class Named(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return super().forward(x)


@pytest.mark.parametrize("prefix", [None, "ema.model.", "ema.model"])
def test_any_prefix_is_taken_off(prefix: str | None, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    state = Named().state_dict()
    save_file({f"ema.model.{name}": z for name, z in state.items()}, file)
    reference = f"{__name__}:Named"
    found = read_module(reference, file, prefix, Adapter.model_validate({"shape": [2]}))
    assert {*found.tensors} == {*state}
    assert all(torch.equal(found.tensors[name].read(), z) for name, z in state.items())  # type: ignore[union-attr]


def test_a_prefix_that_nothing_has_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file({"ema.weight": torch.zeros(2, 2)}, file)
    with pytest.raises(ValueError, match=r"^weights_prefix: no tensor begins with 'emu'; .* ema$"):
        read_module(f"{__name__}:Named", file, "emu", Adapter.model_validate({"shape": [2]}))
