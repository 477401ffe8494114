"""Weights whose types, names or ties are not those of the module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn

from sureflow.weights import read_weights

State = dict[str, Tensor]


class Part(nn.Module):
    """Floating point, an integer, a flag and complex numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.register_buffer("mask", torch.tensor([True, False]))
        self.register_buffer("turns", torch.tensor([1j, 2]))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)
        self.b.weight = self.a.weight
        self.c.weight.data = self.a.weight.data


def on_meta(make: Callable[[], nn.Module]) -> State:
    with torch.device("meta"):
        return make().state_dict()


def saved(path: Path, state: State) -> Path:
    save_file({name: tensor.clone() for name, tensor in state.items()}, path / "w.safetensors")
    return path / "w.safetensors"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floating_point_of_16_bits_or_more_comes_in_the_type_of_the_module(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    state = Part().state_dict()
    stored = {k: z.to(dtype) if z.is_floating_point() else z for k, z in state.items()}
    read = read_weights(saved(tmp_path, stored), on_meta(Part))
    for name, tensor in state.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], stored[name].to(tensor.dtype))


@pytest.mark.parametrize("name", ["inner.0.weight", "inner.1.running_var"])
@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (torch.int64, "I64"),
        (torch.int32, "I32"),
        (torch.int8, "I8"),
        (torch.uint8, "U8"),
        (torch.bool, "BOOL"),
        (torch.float8_e5m2, "F8_E5M2"),
        (torch.float8_e4m3fn, "F8_E4M3"),
        (torch.complex64, "C64"),
    ],
)
def test_nothing_else_is_taken_for_floating_point(
    tmp_path: Path, name: str, dtype: torch.dtype, stored: str
) -> None:
    state = Part().state_dict()
    state[name] = state[name].to(dtype)
    with pytest.raises(ValueError, match=f"tensor {name} is stored as {stored}; .* is float32"):
        read_weights(saved(tmp_path, state), on_meta(Part))


def test_the_type_is_named_before_the_scale_that_comes_with_it(tmp_path: Path) -> None:
    state = Part().state_dict()
    state["inner.0.weight"] = state["inner.0.weight"].to(torch.int8)
    state["inner.0.scale"] = torch.ones(1)
    with pytest.raises(ValueError, match=r"tensor inner\.0\.weight is stored as I8"):
        read_weights(saved(tmp_path, state), on_meta(Part))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("inner.1.num_batches_tracked", torch.int32),
        ("inner.1.num_batches_tracked", torch.float32),
        ("inner.1.num_batches_tracked", torch.bool),
        ("mask", torch.uint8),
        ("mask", torch.float32),
        ("turns", torch.float32),
    ],
)
def test_buffers_of_other_types_are_stored_as_what_they_are(
    tmp_path: Path, name: str, dtype: torch.dtype
) -> None:
    state = Part().state_dict()
    state[name] = state[name].real.to(dtype) if name == "turns" else state[name].to(dtype)
    with pytest.raises(ValueError, match=f"tensor {name} is stored as .*, and takes nothing else"):
        read_weights(saved(tmp_path, state), on_meta(Part))


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e39])
def test_what_is_not_finite_in_the_type_of_the_module_is_refused(
    tmp_path: Path, value: float
) -> None:
    state = Part().state_dict()
    state["inner.0.bias"] = torch.full((4,), value, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"tensor inner\.0\.bias holds NaN or infinity"):
        read_weights(saved(tmp_path, state), on_meta(Part))


@pytest.mark.parametrize("meta", [True, False])
def test_tied_weights_may_be_there_once(tmp_path: Path, meta: bool) -> None:
    module = Tied()
    expected = on_meta(Tied) if meta else Tied().state_dict()
    path = tmp_path / "tied.safetensors"
    save_model(module, path)
    read = read_weights(path, expected)
    assert read.keys() == module.state_dict().keys()
    for name, tensor in module.state_dict().items():
        assert torch.equal(read[name], tensor)


def test_tied_weights_may_be_there_each_if_they_agree(tmp_path: Path) -> None:
    state = Tied().state_dict()
    assert read_weights(saved(tmp_path, state), Tied().state_dict()).keys() == state.keys()
    state["b.weight"] = state["b.weight"] + 1
    with pytest.raises(ValueError, match=r"tensors a\.weight and b\.weight differ"):
        read_weights(saved(tmp_path, state), Tied().state_dict())


def test_weights_that_are_not_tied_must_all_be_there(tmp_path: Path) -> None:
    state = Tied().state_dict()
    for name in ("a.weight", "b.weight", "c.weight"):
        del state[name]
    with pytest.raises(ValueError, match=r"tensor a\.weight is absent in the file, \[3, 3\]"):
        read_weights(saved(tmp_path, state), Tied().state_dict())
    alike = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
    state = {k: torch.ones_like(z) for k, z in alike.state_dict().items()}
    del state["1.weight"]
    with pytest.raises(ValueError, match=r"tensor 1\.weight is absent"):
        read_weights(saved(tmp_path, state), alike.state_dict())


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "ema_model.", "module._orig_mod.", "model.diffusion_model."]
)
def test_a_prefix_is_named(tmp_path: Path, prefix: str) -> None:
    state = {f"{prefix}{name}": tensor for name, tensor in Tied().state_dict().items()}
    del state[f"{prefix}b.weight"]
    with pytest.raises(ValueError, match=f"names fit without '{prefix}' in front"):
        read_weights(saved(tmp_path, state), Tied().state_dict())
    others = {"step": torch.ones(1), "online.a.weight": torch.ones(3, 3)}
    with pytest.raises(ValueError, match=f"names fit without '{prefix}' in front"):
        read_weights(saved(tmp_path, state | others), Tied().state_dict())


def test_wrapped_parts_are_named(tmp_path: Path) -> None:
    inner = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).state_dict()
    wrapped = {name.replace(".", "._orig_mod.", 1): tensor for name, tensor in inner.items()}
    with pytest.raises(ValueError, match=r"names fit without '_orig_mod\.' in them"):
        read_weights(saved(tmp_path, wrapped), inner)
    with pytest.raises(ValueError, match=r"the network's names have '_orig_mod\.' in them"):
        read_weights(saved(tmp_path, inner), wrapped)


def test_other_names_get_no_hint(tmp_path: Path) -> None:
    state = {f"module.{name}": tensor for name, tensor in Tied().state_dict().items()}
    state["module.extra"] = torch.ones(1)
    with pytest.raises(ValueError, match=r"in the network$"):
        read_weights(saved(tmp_path, state), Tied().state_dict())
