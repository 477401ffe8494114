"""An imported model gets its variance in one command."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import sureflow
from sureflow.cli import app
from sureflow.networks import register, registry
from tests.models.training.foreign_gaussian import Gaussian, samples, write

SHORT = ("--steps", "10", "--batch", "32", "--quiet")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    register("gaussian", Gaussian)
    monkeypatch.chdir(tmp_path)


def fit(*options: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["fit", "mine", *SHORT, *options])
    return done.exit_code, done.stdout, done.stderr


def data(count: int = 300, **others: torch.Tensor) -> str:
    save_file({"samples": samples(count), **others}, "data.safetensors")
    return "data.safetensors"


def test_without_data_it_is_fitted_to_its_own_samples(tmp_path: Path) -> None:
    before = sureflow.load(write(tmp_path / "mine")).network
    code, said, error = fit("--own", "40")
    assert code == 0, error
    assert "inside, in front of last: " in said
    assert "beside: " in said
    assert "standard error" in said
    assert "40 samples of the model itself, seed 0, heun 20 on the uniform grid" in said
    assert "where the model is wrong about the data, this variance does not tell" in said
    after = sureflow.load("mine")
    x, t = torch.randn(6, 2), torch.rand(6)
    assert torch.equal(before(x, t), after.network(x, t))
    made = after.card.provenance["variance"]
    assert made["fitted_to"].startswith("40 samples of the model itself")
    assert made["meaning"].startswith("distilled residual variance")
    assert made["compared"]["nll"].keys() == {"inside", "beside"}
    assert made["steps"] == 10
    assert after.card.variance in ("inside", "beside")
    assert after.card.variance in made["source"]
    assert all(sample.uncertainty > 0 for sample in sureflow.sample(after, 2, steps=3))


def test_own_samples_are_of_all_classes_and_of_none_and_drawn_once(tmp_path: Path) -> None:
    write(tmp_path / "mine", ("a", "b"))
    assert fit("--own", "9", "--variance", "beside")[0] == 0
    weights = Path("mine/model.safetensors").read_bytes()
    (own,) = Path("runs").glob("mine/own-*")
    written = own.stat().st_mtime_ns
    write(tmp_path / "mine", ("a", "b"))
    assert fit("--own", "9", "--variance", "beside")[0] == 0
    assert own.stat().st_mtime_ns == written
    assert Path("mine/model.safetensors").read_bytes() == weights


def test_classes_take_turns(tmp_path: Path) -> None:
    from sureflow.training.own import own_samples

    model = sureflow.load(write(tmp_path / "mine", ("a", "b")))
    assert own_samples(model, 5, 0, tmp_path, quiet=True).labels.tolist() == [0, 1, 2, 0, 1]
    model = sureflow.load(write(tmp_path / "mine", ("a", "b"), null_label=False))
    assert own_samples(model, 5, 0, tmp_path, quiet=True).labels.tolist() == [0, 1, 0, 1, 0]


def test_with_data(tmp_path: Path) -> None:
    write(tmp_path / "mine")
    code, said, error = fit("--data", data(), "--checkpoint", "other")
    assert code == 0, error
    assert said.endswith("wrote other\n")
    assert "itself" not in said
    made = sureflow.load("other").card.provenance["variance"]
    assert made["fitted_to"] == "data.safetensors, samples 0 to 300"
    assert "meaning" not in made
    assert sureflow.load("mine").card.variance == "none"


def test_a_wrong_convention_is_refused_unless_forced(tmp_path: Path) -> None:
    write(tmp_path / "mine", arguments={"sign": -1.0})
    code, _, error = fit("--data", data())
    assert code == 1
    assert error.startswith("error: network: does not predict the velocity")
    assert "reverse_velocity" in error
    assert sureflow.load("mine").card.variance == "none"
    assert fit("--data", data(), "--force")[0] == 0


@pytest.mark.parametrize("source", ["beside", "inside"])
def test_the_place_can_be_chosen(tmp_path: Path, source: str) -> None:
    write(tmp_path / "mine")
    code, said, error = fit("--data", data(), "--variance", source)
    assert code == 0, error
    assert "standard error" not in said
    card = sureflow.load("mine").card
    assert card.variance == source
    assert "compared" not in card.provenance["variance"]
    again = "inside" if source == "beside" else "beside"
    assert fit("--data", data(), "--variance", again)[0] == 0
    assert sureflow.load("mine").card.variance == again


def test_a_network_without_a_last_layer_gets_a_head_beside(tmp_path: Path) -> None:
    write(tmp_path / "mine", arguments={"linear": False})
    code, _, error = fit("--data", data(), "--variance", "inside")
    assert code == 1
    assert error.startswith("error: variance: found no Linear or Conv2d layer")
    assert fit("--data", data())[0] == 0
    assert sureflow.load("mine").card.variance == "beside"


def test_conditions_are_drawn_with_the_samples(tmp_path: Path) -> None:
    condition = {"kind": "vector", "shape": [2]}
    write(tmp_path / "mine", conditions={"shift": condition})
    shift = 0.2 * torch.randn(300, 2)
    save_file({"samples": samples(300, shift), "conditions.shift": shift}, "data.safetensors")
    code, _, error = fit("--data", "data.safetensors", "--variance", "beside")
    assert code == 0, error
    save_file({"conditions.shift": shift[:3]}, "shifts.safetensors")
    code, _, error = fit("--own", "12", "--conditions", "shifts.safetensors")
    assert code == 0, error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "data.safetensors", "--own", "9"), "own: is for samples of the model itself"),
        (("--data", "data.safetensors", "--conditions", "a"), "conditions: is for samples of the"),
        (("--data", "wide.safetensors"), "data: samples have shape [3]"),
        (("--data", "told.safetensors"), "conditions.shift: the network has no such condition"),
        (("--data", "one.safetensors"), "data: needs two samples"),
        (("--conditions", "data.safetensors"), "conditions: data.safetensors has no tensor named"),
        (("--weights", "data.safetensors"), "weights: are those of the folder"),
        (("--data", "absent.safetensors"), "data.path: absent.safetensors: No such file"),
    ],
)
def test_mistake_is_one_line_that_names_the_option(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    write(tmp_path / "mine")
    data(labels=torch.zeros(300, dtype=torch.long))
    save_file({"samples": torch.rand(9, 3)}, "wide.safetensors")
    save_file(
        {"samples": torch.rand(9, 2), "conditions.shift": torch.rand(9, 2)}, "told.safetensors"
    )
    save_file({"samples": torch.rand(1, 2)}, "one.safetensors")
    code, _, error = fit(*options)
    assert code == 1
    assert error.startswith(f"error: {message}"), error
    assert error.count("\n") == 1


def test_options_of_a_folder_are_not_for_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("")
    done = CliRunner().invoke(app, ["fit", "mine.toml", "--steps", "3"])
    assert done.exit_code == 1
    assert done.stderr == ("error: steps: the configuration says it; the option is for a folder\n")


def test_a_network_of_our_own_kinds_is_fitted_by_its_configuration() -> None:
    done = CliRunner().invoke(app, ["fit", "ring", "--steps", "3"])
    assert done.exit_code == 1
    assert "network.kind: " in done.stderr
    assert "'mlp', which is fitted by its configuration" in done.stderr


def test_another_variance_learns_from_nothing_that_was_there(tmp_path: Path) -> None:
    """Neither a corrected network nor other data continue a run that ended."""
    found = []
    for scale in (1.0, 1.01):
        write(tmp_path / "mine", arguments={"sign": scale})
        for count in (300, 299):
            assert fit("--data", data(count), "--variance", "beside")[0] == 0
            found.append(load_file("mine/model.safetensors")["noise.beside.last.bias"])
    assert len({tuple(bias.tolist()) for bias in found}) == 4
