"""An exported program answers as its module, and brings nothing else along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sureflow.families.flow.directional import differentiable, tangent
from sureflow.networks import FrozenVelocity
from sureflow.networks.foreign.exported import ExportedNetwork, exported
from sureflow.networks.registry import build
from sureflow.weights import read_weights
from tests.models.networks.foreign.programs import (
    Image,
    Scaled,
    edited,
    image,
    repacked,
    rows,
    saved,
)


@pytest.fixture(scope="module")
def free() -> bytes:
    return image()


def test_it_answers_as_the_module(free: bytes) -> None:
    network = ExportedNetwork.holding(free)
    for count in (1, 2, 5):
        x, t, label = rows(count)
        expected = Image().eval()(x, t, label)["sample"]
        torch.testing.assert_close(network(x, t, label=label)["sample"], expected)
        torch.testing.assert_close(network(label=label, t=t, x=x)["sample"], expected)
    assert network.note == ""


@pytest.mark.parametrize("count", [1, 4])
def test_fixed_rows_are_filled_up_and_divided(count: int) -> None:
    network = ExportedNetwork.holding(image(count))
    assert f"exactly {count} rows" in network.note
    for wanted in (1, 3, 4, 9):
        x, t, label = rows(wanted)
        expected = Image().eval()(x, t, label)["sample"]
        torch.testing.assert_close(network(x, t, label)["sample"], expected)


def test_one_time_for_all_rows_means_a_row_at_a_time() -> None:
    x, t, _ = rows(3)
    flat = x[:, 0, 0, :3]
    network = ExportedNetwork.holding(saved(Scaled(), flat, torch.tensor(0.5)))
    assert "each row is evaluated alone" in network.note
    torch.testing.assert_close(network(flat, t), Scaled()(flat, t))


def test_limits_of_the_rows_hold() -> None:
    x, t, label = rows(4)
    some = torch.export.Dim("some", min=3, max=5)
    shapes = {name: {0: some} for name in ("x", "t", "label")}
    network = ExportedNetwork.holding(saved(Image(), x, t, label, dynamic_shapes=shapes))
    assert "3 to 5 rows" in network.note
    for count in (1, 4, 11):
        x, t, label = rows(count)
        expected = Image().eval()(x, t, label)["sample"]
        torch.testing.assert_close(network(x, t, label)["sample"], expected)


def test_other_arguments_keep_their_values() -> None:
    x, t, label = rows(2)
    network = ExportedNetwork.holding(saved(Image(), x, t, label, kwargs={"flag": False}))
    torch.testing.assert_close(network(x, t, label), Image().eval()(x, t, label))


def test_inputs_are_cast_and_shaped() -> None:
    network = ExportedNetwork.holding(saved(Scaled(), torch.zeros(2, 3), torch.zeros(2, 1)))
    x, t = torch.ones(2, 3, dtype=torch.float64), torch.ones(2)
    torch.testing.assert_close(network(x, t).shape, x.shape)
    with pytest.raises(ValueError, match=r"input 'x' takes rows of shape \[3\], not \[4\]"):
        network(torch.zeros(2, 4), t)
    with pytest.raises(ValueError, match="inputs are x, t; called with"):
        network(x, t, label=t)


def test_it_travels_in_safetensors(free: bytes, tmp_path: Path) -> None:
    with torch.device("meta"):
        hollow = exported(len(free))
    assert not hollow.ready
    network = exported(len(free))
    assert not network.ready
    with pytest.raises(ValueError, match="no weights are loaded"):
        network(*rows(1))
    save_file(ExportedNetwork.holding(free).state_dict(), tmp_path / "model.safetensors")
    network.load_state_dict(read_weights(tmp_path / "model.safetensors", hollow.state_dict()))
    assert network.ready
    assert {*network.state_dict()} == {"program"}
    assert not [*network.parameters()]
    x, t, label = rows(2)
    torch.testing.assert_close(network(x, t, label), Image().eval()(x, t, label))
    network.load_state_dict({"program": torch.zeros(len(free), dtype=torch.uint8)})
    assert not network.ready


def test_it_is_opened_again_on_another_device(free: bytes) -> None:
    network = ExportedNetwork.holding(free)
    assert not network.to("meta").ready


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_it_runs_on_a_gpu(free: bytes) -> None:
    network = ExportedNetwork.holding(free).to("cuda")
    x, t, label = (z.to("cuda") for z in rows(3))
    expected = Image().eval()(*rows(3))["sample"]
    torch.testing.assert_close(network(x, t, label)["sample"].cpu(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("size", [0, -1, 1 << 40, 1.5, True, "9"])
def test_sizes_are_checked_before_memory_is_taken(size: object) -> None:
    with pytest.raises(ValueError, match="size: "):
        exported(size)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size: "):
        build({"kind": "frozen", "base": "exported", "arguments": {"size": size}, "final": "x"})


class Velocity(nn.Module):
    """A program as a velocity, with a final layer for the variance."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.program, self.out = ExportedNetwork.holding(data), nn.Linear(3, 3)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.out(self.program(x, t))
        return out


def test_it_can_be_differentiated() -> None:
    free = {"x": {0: torch.export.Dim("batch")}, "t": {0: torch.export.Dim("batch")}}
    data = saved(Scaled(), torch.zeros(4, 3), torch.zeros(4), dynamic_shapes=free)
    network = FrozenVelocity(Velocity(data), "out", (3,))
    assert differentiable(network)
    x, t = torch.randn(2, 3), torch.rand(2)
    z = torch.randn(2, 3)
    found = tangent(network, x, z, t, torch.zeros(2, dtype=torch.long))
    torch.testing.assert_close(found, (network(x + z, t) - network(x, t)), atol=1e-5, rtol=1e-4)
    x.requires_grad_()
    network.network.program(x, t).sum().backward()
    assert x.grad is not None


def with_gradients_off(x: Tensor, t: Tensor) -> Tensor:
    with torch.no_grad():
        y = x * 2
    return y + t[:, None]


def random(x: Tensor, t: Tensor) -> Tensor:
    return x + torch.randn_like(x) * t[:, None]


def unwritten(x: Tensor, t: Tensor) -> Tensor:
    return x + torch.empty_like(x) * t[:, None]


def in_place(x: Tensor, t: Tensor) -> Tensor:
    x.view(-1).mul_(2)
    return x + t[:, None]


def in_training(x: Tensor, t: Tensor) -> Tensor:
    return nn.functional.dropout(x, 0.5, training=True) + t[:, None]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (with_gradients_off, "export it without torch.no_grad"),
        (random, "randn_like"),
        (unwritten, "empty_like"),
        (in_place, "in place, so its answers would depend on earlier calls|changes its own"),
        (in_training, "call .eval"),
    ],
)
def test_what_has_no_fixed_answer_is_refused(
    function: Callable[[Tensor, Tensor], Tensor], reason: str
) -> None:
    class Module(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return function(x, t)

    with pytest.raises(ValueError, match=f"program: .*({reason})"):
        ExportedNetwork.holding(saved(Module(), torch.zeros(2, 3), torch.zeros(2)))


def test_a_program_made_on_a_gpu_runs_here(free: bytes) -> None:
    def change(entries: dict[str, bytes]) -> None:
        for name, entry in entries.items():
            device = b'"device": {"type": "cpu", "index": null}'
            entries[name] = entry.replace(device, device.replace(b"cpu", b"cuda"))

    moved = repacked(free, change)
    assert moved.count(b'"cuda"') > 10
    x, t, label = rows(2)
    found = ExportedNetwork.holding(moved)(x, t, label)
    torch.testing.assert_close(found, Image().eval()(x, t, label))


@pytest.mark.parametrize("version", [7, 99])
def test_programs_of_another_torch_are_named(version: int, free: bytes) -> None:
    def change(table: dict[str, Any]) -> None:
        table["schema_version"] = {"major": version, "minor": 0}

    said = rf"program: saved by another torch, in version {version} .*: save it again by that"
    with pytest.raises(ValueError, match=said):
        ExportedNetwork.holding(edited(free, change))


def rounded(x: Tensor, t: Tensor) -> Tensor:
    return torch.div(x.long(), 2, rounding_mode="trunc") + t[:, None]


def enlarged(x: Tensor, t: Tensor) -> Tensor:
    out = nn.functional.interpolate(x[:, None], scale_factor=2000.0)
    return out[:, 0, :3] + t[:, None]


@pytest.mark.parametrize(("function", "reason"), [(rounded, "rounding"), (enlarged, "enlarges")])
def test_what_kernels_do_not_check_is_refused(
    function: Callable[[Tensor, Tensor], Tensor], reason: str
) -> None:
    class Module(nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return function(x, t)

    with pytest.raises(ValueError, match=rf"program: .*{reason}"):
        ExportedNetwork.holding(saved(Module(), torch.zeros(2, 3), torch.zeros(2)))


def test_counting_calls_is_refused() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            self.calls += 1
            return x + self.calls * t[:, None]

    with pytest.raises(ValueError, match=r"program: .*depend on earlier calls"):
        ExportedNetwork.holding(saved(Counting(), torch.zeros(2, 3), torch.zeros(2)))


def test_weights_that_are_not_finite_are_refused() -> None:
    module = Scaled()
    module.layer.bias.data[0] = float("nan")
    with pytest.raises(ValueError, match=r"layer\.bias holds NaN or infinity"):
        ExportedNetwork.holding(saved(module, torch.zeros(2, 3), torch.zeros(2)))


def test_nested_inputs_are_refused() -> None:
    class Nested(nn.Module):
        def forward(self, x: Tensor, more: list[Tensor]) -> Tensor:
            return x + more[0]

    with pytest.raises(ValueError, match="an input is nested"):
        ExportedNetwork.holding(saved(Nested(), torch.zeros(2, 3), [torch.zeros(2, 3)]))
