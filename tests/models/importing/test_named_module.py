"""The names of a module's weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sureflow.importing.adapter import Adapter
from sureflow.importing.named_module import read_module, stored_tensors


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


def test_one_of_several_networks_has_to_be_named(tmp_path: Path) -> None:
    file, state = tmp_path / "weights.safetensors", Named().state_dict()
    both = {f"{way}.{name}": z + number for number, way in enumerate(("model", "ema"))
            for name, z in state.items()}  # fmt: skip
    save_file({**both, "optimizer.weight": torch.zeros(1)}, file)
    reference, adapter = f"{__name__}:Named", Adapter.model_validate({"shape": [2]})
    with pytest.raises(ValueError, match=r"^weights_prefix: .*ema\. and model\.; .* ema\.$"):
        read_module(reference, file, None, adapter)
    found = read_module(reference, file, "model", adapter)
    assert all(torch.equal(found.tensors[name].read(), z) for name, z in state.items())  # type: ignore[union-attr]


def test_weights_that_may_hold_code_are_named(tmp_path: Path) -> None:
    torch.save(Named().state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"^weights: .*/pytorch_model.bin: is a pickle .*_file$"):
        stored_tensors(tmp_path)


def exits() -> nn.Module:
    raise SystemExit(3)


def test_a_factory_that_ends_the_program_is_named(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "weights.safetensors")
    adapter = Adapter.model_validate({"shape": [2]})
    with pytest.raises(ValueError, match=r"exits failed: SystemExit: 3"):
        read_module(f"{__name__}:exits", tmp_path / "weights.safetensors", None, adapter)


def test_a_prefix_that_nothing_has_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file({"ema.weight": torch.zeros(2, 2)}, file)
    with pytest.raises(ValueError, match=r"^weights_prefix: no tensor begins with 'emu'; .* ema$"):
        read_module(f"{__name__}:Named", file, "emu", Adapter.model_validate({"shape": [2]}))
