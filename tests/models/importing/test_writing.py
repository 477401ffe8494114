"""What is written of a foreign model, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import sureflow
from sureflow.importing.recognised import Recognised
from sureflow.importing.writing import write
from sureflow.networks import register


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.layer(x)


class Crowd(Plain):
    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.layer(x) - self.layer(x).amax(0)


class Random(Plain):
    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.layer(x) + torch.randn_like(x)


def found(module: type[nn.Module]) -> Recognised:
    name = f"writing-{module.__name__.lower()}"
    register(name, module)
    network = {"kind": "frozen", "base": name, "shape": [2], "variance": "none"}
    return Recognised(network, module().state_dict())


def test_it_says_in_what_blocks_rows_are_evaluated(tmp_path: Path) -> None:
    made = write(tmp_path / "mine", "mine", found(Plain))
    assert any("rows are evaluated" in note for note in made.notes)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    model = sureflow.load(tmp_path / "mine")
    assert (model.card.variance, model.score) == ("none", "residual")


def test_a_folder_is_not_lost(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write(folder, "mine", found(Plain))
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match=r"^out: .* is there; --replace"):
        write(folder, "mine", found(Plain))
    assert (folder / "model.safetensors").read_bytes() == before
    (folder / "notes.txt").touch()
    write(folder, "mine", found(Plain), replace_folder=True)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("module", "why"),
    [(Crowd, "depends on the rows beside it"), (Random, "something in it")],
)
def test_what_cannot_be_served_is_not_written(
    module: type[nn.Module], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"^network: .*{why}"):
        write(tmp_path / "mine", "mine", found(module))
    assert not [*tmp_path.iterdir()]


def test_a_doubt_stays_with_the_model(tmp_path: Path) -> None:
    data = tmp_path / "elsewhere.safetensors"
    save_file({"samples": 3 + torch.randn(500, 2)}, data)
    with pytest.raises(ValueError, match=r"^network: does not predict"):
        write(tmp_path / "mine", "mine", found(Plain), data=data)
    write(tmp_path / "mine", "mine", found(Plain), data=data, force=True)
    (warning,) = sureflow.load(tmp_path / "mine").card.warnings
    assert "does not predict the velocity" in warning


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (
            {"samples": torch.zeros(9, 3)},
            r"data: samples have shape \[3\], but the network has \[2\]",
        ),
        ({"conditions.text": torch.zeros(9, 2)}, "data.path: .* no tensor named samples"),
        (
            {"samples": torch.zeros(9, 2), "conditions.text": torch.zeros(9, 2)},
            "conditions.text: the network has no such condition",
        ),
    ],
)
def test_data_that_do_not_suit_it_are_refused(
    samples: dict[str, Tensor], why: str, tmp_path: Path
) -> None:
    save_file(samples, tmp_path / "data.safetensors")
    with pytest.raises(ValueError, match=f"^{why}"):
        write(tmp_path / "mine", "mine", found(Plain), data=tmp_path / "data.safetensors")
