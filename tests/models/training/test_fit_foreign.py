"""A user's own torch network gets its variance, becomes a checkpoint, and is sampled."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file, save_model
from scipy.stats import spearmanr
from torch import Tensor, nn
from typer.testing import CliRunner

import sureflow
from sureflow.checkpoint import CheckpointError
from sureflow.cli import app
from sureflow.evaluation.reference import calibrate
from sureflow.networks import GaussianMixture, load_plugin, register, registry
from tests.commands import invoke

FLOW = """
import torch
from torch import nn

class Flow(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, width), nn.SiLU(), nn.Linear(width, width))
        self.head = nn.Linear(width, 2)

    def forward(self, x, t):
        h = self.body(torch.cat([x, t[:, None]], -1))
        return self.head(nn.functional.silu(h))
"""

CONFIG = """
name = "mine"
[data]
name = "file"
path = "data.safetensors"
[network]
kind = "frozen"
base = "my-flow"
arguments = { width = 64 }
final = "head"
shape = [2]
embedding = 32
[variance]
seed = 0
steps = 400
batch = 512
learning_rate = 3e-3
warmup = 20
ema = 0.98
"""


TO_HERE = ("--checkpoint", "checkpoint", "--quiet")


@dataclass(frozen=True)
class Fitted:
    """Where the user works, and what is known about it."""

    folder: Path
    module: nn.Module
    mixture: GaussianMixture

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"


def _fit(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # -P: as for the installed command, the working directory is not on the path by itself.
    command = [sys.executable, "-P", "-m", "sureflow", "fit", "mine.toml", *TO_HERE, *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def own_names(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fitted]:
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_flow.py").write_text(FLOW)
    (folder / "mine.toml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setattr(registry, "_factories", dict(registry._factories))
        load_plugin("my_flow:Flow", name="my-flow")
        mixture = GaussianMixture(
            [[1.5, 1.0], [-1.5, 0.5], [0.0, -1.5]], [0.5, 0.3, 0.2], [0.3] * 3
        )
        module = _trained(sys.modules["my_flow"], mixture)
        save_file(module.state_dict(), folder / "my.safetensors")
        samples = mixture.draw(20_000, torch.Generator().manual_seed(1)).float()
        save_file({"samples": samples}, folder / "data.safetensors")
        done = _fit(folder, "--weights", "my.safetensors", "--plugin", "my_flow:Flow")
        assert done.returncode == 0, done.stderr
        yield Fitted(folder, module, mixture)
    del sys.modules["my_flow"]


def _trained(flows: ModuleType, mixture: GaussianMixture) -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = flows.Flow(64)
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        x, t, u = _batch(mixture, 512, generator)
        optimizer.zero_grad()
        (module(x, t) - u).square().mean().backward()
        optimizer.step()
    return module.requires_grad_(False)


def _batch(
    mixture: GaussianMixture, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    x1 = mixture.draw(count, generator).float()
    x0 = torch.randn(count, 2, generator=generator)
    t = torch.rand(count, generator=generator)
    return (1 - t[:, None]) * x0 + t[:, None] * x1, t, x1 - x0


def test_velocity_is_bitwise_that_of_the_user(fitted: Fitted) -> None:
    network = sureflow.load(fitted.checkpoint).network
    x, t, _ = _batch(fitted.mixture, 64, torch.Generator().manual_seed(2))
    assert torch.equal(network(x, t), fitted.module(x, t))
    assert torch.equal(network.moments(x, t).mean, fitted.module(x, t))
    saved = load_file(fitted.checkpoint / "model.safetensors")
    for name, tensor in fitted.module.state_dict().items():
        assert torch.equal(saved[f"network.{name}"], tensor)


def test_variance_ranks_as_the_exact_one(fitted: Fitted) -> None:
    network = sureflow.load(fitted.checkpoint).network
    x, t, u = _batch(fitted.mixture, 8000, torch.Generator().manual_seed(3))
    found, exact = network.moments(x, t).variance, fitted.mixture.moments(x, t).variance
    assert found is not None
    assert exact is not None
    assert spearmanr(found.sum(1), exact.sum(1)).statistic > 0.8
    standardised = (u - network(x, t)).square() / found
    assert float(standardised.mean()) == pytest.approx(1, abs=0.2)


def test_checkpoint_is_sampled_like_any_other(fitted: Fitted) -> None:
    model = sureflow.load(fitted.checkpoint)
    few, many = (sureflow.sample(model, n, seed=5, steps=10) for n in (4, 64))
    assert all(np.array_equal(a.data, b.data) for a, b in zip(few, many[:4], strict=True))
    data = torch.from_numpy(np.stack([sample.data for sample in many]))
    distance = (data[:, None] - fitted.mixture.means.float()).norm(dim=-1).min(1).values
    assert float(distance.median()) < 1
    assert all(sample.uncertainty > 0 for sample in many)
    assert len({sample.uncertainty for sample in many}) == 64


def test_card_says_what_it_is_made_of(fitted: Fitted) -> None:
    card = sureflow.load(fitted.checkpoint).card
    assert (card.name, card.media, card.shape, card.classes) == ("mine", "vector", (2,), ())
    assert card.provenance["data"] == "data.safetensors, samples 0 to 20000"
    assert card.provenance["weights"].startswith("sha256:")
    assert card.provenance["variance"]["objective"] == "variance"
    assert card.provenance["variance"]["steps"] == 400


def test_checkpoint_can_be_fitted_again_without_the_weights(
    fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _copy(fitted, tmp_path)
    monkeypatch.chdir(folder)
    _edit(folder / "mine.toml", "steps = 400", "steps = 5")
    done = CliRunner().invoke(app, ["fit", "mine.toml", *TO_HERE])
    assert done.exit_code == 0, done.stderr
    new, old = (sureflow.load(path / "checkpoint") for path in (folder, fitted.folder))
    assert new.card.provenance["variance"]["steps"] == 5
    assert new.card.provenance["weights"] == old.card.provenance["weights"]
    x, t = torch.randn(6, 2), torch.rand(6)
    assert torch.equal(new.network(x, t), old.network(x, t))
    assert not torch.equal(new.network.moments(x, t).variance, old.network.moments(x, t).variance)


def test_new_weights_start_a_new_fit(
    fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished run must not pass for that of weights that it never saw."""
    folder = _copy(fitted, tmp_path)
    monkeypatch.chdir(folder)
    _edit(folder / "mine.toml", "steps = 400", "steps = 5")
    command = ["fit", "mine.toml", "--weights", "my.safetensors", "--force", *TO_HERE]
    saved = folder / "checkpoint" / "model.safetensors"
    fits = []
    for scale in (1, 1, 2):
        save_file(
            {name: tensor * scale for name, tensor in fitted.module.state_dict().items()},
            folder / "my.safetensors",
        )
        assert CliRunner().invoke(app, command).exit_code == 0
        fits.append(load_file(saved)["noise.final.noise.output.bias"])
    assert torch.equal(fits[0], fits[1])
    assert not torch.equal(fits[0], fits[2])


def _copy(fitted: Fitted, target: Path) -> Path:
    return Path(shutil.copytree(fitted.folder, target / "user", ignore=lambda *_: {"runs"}))


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _config(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: _edit(folder / "mine.toml", old, new)


def _retensor(path: Path, changes: dict[str, Tensor | None]) -> None:
    tensors = {**load_file(path), **changes}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path)


def _weights(name: str, value: Tensor | None) -> Callable[[Path], None]:
    return lambda folder: _retensor(folder / "my.safetensors", {name: value})


MISTAKES: dict[str, Callable[[Path], object]] = {
    "network.arguments: my-flow failed: TypeError": _config("width = 64", "depth = 64"),
    "final: no layer named 'tail'": _config('"head"', '"tail"'),
    "final: 'body.1' is a SiLU": _config('"head"', '"body.1"'),
    "final: the network's output is not that of 'body.2'": _config('"head"', '"body.2"'),
    "network: cannot evaluate samples of shape [3]": _config("shape = [2]", "shape = [3]"),
    "network: FrozenVelocity": _config("embedding = 32", "embeding = 32"),
    "weights: only a network of kind 'frozen'": _config(
        CONFIG.partition("[network]")[2].partition("[variance]")[0],
        '\nkind = "mlp"\nshape = [2]\n',
    ),
    "weights: my.safetensors: tensor body.0.bias is [64] in the file, [32]": _config(
        "64 }", "32 }"
    ),
    "weights: my.safetensors: tensor head.bias is absent": _weights("head.bias", None),
    "weights: my.safetensors: tensor extra is [1]": _weights("extra", torch.zeros(1)),
    "weights: my.safetensors: tensor head.bias holds NaN": _weights(
        "head.bias", torch.full((2,), np.nan)
    ),
    "weights: my.safetensors: ": lambda f: (f / "my.safetensors").write_bytes(b"\x80\x04junk"),
    "weights: my.safetensors: No such file": lambda f: (f / "my.safetensors").unlink(),
    "data.path: data.safetensors: No such file": lambda f: (f / "data.safetensors").unlink(),
    "data.path: needed": _config('path = "data.safetensors"', ""),
    "data: samples have shape [3]": lambda f: save_file(
        {"samples": torch.zeros(9, 3)}, f / "data.safetensors"
    ),
    "variance: ": _config("[variance]", "[training]"),
    "variance.objective: ": _config("seed = 0", 'objective = "beta_nll"'),
}


def _one_line(error: str, message: str) -> None:
    assert error.startswith(f"error: {message}"), error
    assert error.count("\n") == 1


@pytest.mark.parametrize("message", MISTAKES)
def test_mistake_is_one_line_that_names_the_field(
    fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    folder = _copy(fitted, tmp_path)
    shutil.rmtree(folder / "checkpoint")
    MISTAKES[message](folder)
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["fit", "mine.toml", "--weights", "my.safetensors", *TO_HERE])
    assert done.exit_code == 1
    _one_line(done.stderr, message)
    assert not (folder / "checkpoint").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "network.base: 'my-flow' is not installed; there are: "),
        (("--plugin", "my_flow:Float"), "plugin: 'my_flow:Float' cannot be loaded: AttributeError"),
        (("--plugin", "my_flow:Flow"), "weights: a frozen network needs them"),
    ],
)
def test_mistake_on_the_command_line(
    fitted: Fitted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    message: str,
) -> None:
    folder = _copy(fitted, tmp_path)
    shutil.rmtree(folder / "checkpoint")
    monkeypatch.chdir(folder)
    # As in a process that nobody has told of it yet.
    monkeypatch.delitem(registry._factories, "my-flow")
    monkeypatch.delitem(sys.modules, "my_flow")
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(fitted.folder)])
    done = invoke(app, "fit", "mine.toml", *TO_HERE, *options)
    assert done.returncode == 1
    _one_line(done.stderr, message)


def _variant(fitted: Fitted, **methods: object) -> Callable[..., nn.Module]:
    """The user's network with other methods."""
    return type("Variant", (type(fitted.module),), methods)


def _fit_here(folder: Path, *options: str) -> tuple[int, str]:
    asked = ["fit", "mine.toml", "--weights", "my.safetensors", *TO_HERE, *options]
    done = CliRunner().invoke(app, asked)
    return done.exit_code, done.stderr


@pytest.fixture
def folder(fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that is needed for another fit, a short one, and nothing that came of the first."""
    folder = _copy(fitted, tmp_path)
    shutil.rmtree(folder / "checkpoint")
    _edit(folder / "mine.toml", "steps = 400", "steps = 3")
    monkeypatch.chdir(folder)
    return folder


ANSWERS: dict[str, Callable[..., object]] = {
    "network: does not predict the velocity .* seems to be the opposite velocity": (
        lambda plain, x, t: -plain(x, t)
    ),
    "network: does not predict .* with t reversed": lambda plain, x, t: plain(x, 1 - t),
    "network: its velocity is not finite at t = 0$": lambda plain, x, t: plain(x, t / t),
    "network: its velocity is not finite at t = 1$": (
        lambda plain, x, t: plain(x, (1 - t) / (1 - t) * t)
    ),
    "network: cannot evaluate .*: it answers with torch.complex64": (
        lambda plain, x, t: plain(x, t) + 0j
    ),
    "network: cannot evaluate .*: it answers with torch.int64": (
        lambda plain, x, t: plain(x, t).long()
    ),
    "network: cannot evaluate .*: it answers with tuple": lambda plain, x, t: (plain(x, t),),
    "network: cannot evaluate .*: .* must have the same dtype": (
        lambda plain, x, t: plain(x.double(), t.double())
    ),
}


@pytest.mark.parametrize("message", ANSWERS)
def test_a_network_that_does_not_answer_with_a_velocity_is_refused(
    fitted: Fitted, folder: Path, message: str
) -> None:
    plain, answer = type(fitted.module).forward, ANSWERS[message]
    forward = lambda self, x, t: answer(lambda *point: plain(self, *point), x, t)  # noqa: E731
    register("my-flow", _variant(fitted, forward=forward))
    code, error = _fit_here(folder)
    assert code == 1
    assert re.match(f"error: {message}", error.strip()), error
    assert error.count("\n") == 1
    assert not (folder / "checkpoint").exists()


def test_another_convention_can_be_forced(
    fitted: Fitted, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = type(fitted.module).forward
    register("my-flow", _variant(fitted, forward=lambda self, x, t: -plain(self, x, t)))
    code, error = _fit_here(folder)
    assert code == 1
    assert "--force fits it all the same" in error
    with caplog.at_level("WARNING", "sureflow"):
        assert _fit_here(folder, "--force")[0] == 0
    assert "seems to be the opposite velocity" in caplog.text
    assert sureflow.load("checkpoint").card.name == "mine"


@pytest.mark.parametrize(
    ("stored", "own", "casts"),
    [
        (torch.float64, torch.float64, False),
        (torch.float64, torch.float64, True),
        (torch.float32, torch.float64, False),
        (torch.float16, torch.float16, False),
        (torch.float32, torch.float16, True),
        (torch.float32, torch.bfloat16, False),
        (torch.float16, torch.float32, False),
    ],
)
def test_networks_of_other_types_are_fitted_and_sampled(
    fitted: Fitted, folder: Path, stored: torch.dtype, own: torch.dtype, casts: bool
) -> None:
    """Those that cast what they are given, too, as long as it is to the type of their weights."""
    weights = {name: tensor.to(stored) for name, tensor in fitted.module.state_dict().items()}
    save_file(weights, folder / "my.safetensors")
    plain = type(fitted.module).forward

    def forward(self: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        dtype = next(self.parameters()).dtype
        return plain(self, x.to(dtype), t.to(dtype)) if casts else plain(self, x, t)

    kind = _variant(fitted, forward=forward)
    register("my-flow", lambda width: kind(width).to(own))
    assert _fit_here(folder) == (0, "")
    model = sureflow.load("checkpoint")
    wide = torch.float64 if own == torch.float64 else torch.float32
    same = type(fitted.module)(64).to(wide)
    same.load_state_dict({name: tensor.to(wide) for name, tensor in weights.items()})
    x, t = torch.randn(6, 2), torch.rand(6)
    out = model.network.moments(x, t)
    assert (out.mean.dtype, out.variance.dtype) == (torch.float32, torch.float32)
    assert torch.equal(out.mean, same(x.to(wide), t.to(wide)).float())
    assert torch.equal(out.mean, model.network(x, t))
    made = calibrate(model, 4, steps=2, quiet=True)
    (sample,) = sureflow.sample(model, steps=3, scores=("divergence", *made.quantiles))
    assert sample.data.dtype == np.float32
    assert sample.finish_reason == "converged"
    if wide == torch.float64:
        with pytest.raises(CheckpointError, match="a network of float64 cannot be run in bfloat16"):
            sureflow.load("checkpoint", precision="bfloat16")
    else:
        assert sureflow.sample(sureflow.load("checkpoint", precision="bfloat16"), steps=3)


def test_tied_weights_of_save_model(fitted: Fitted, folder: Path) -> None:
    def tie(self: nn.Module, width: int) -> None:
        type(fitted.module).__init__(self, width)
        self.body.append(nn.SiLU())
        self.body.append(nn.Linear(width, width))
        self.body[4].weight = self.body[2].weight

    kind = _variant(fitted, __init__=tie)
    register("my-flow", kind)
    module = kind(64)
    save_model(module, "my.safetensors")
    assert len(load_file("my.safetensors")) == len(module.state_dict()) - 1
    code, error = _fit_here(folder, "--force")
    assert code == 0, error
    network = sureflow.load("checkpoint").network
    x, t = torch.randn(6, 2), torch.rand(6)
    assert torch.equal(network(x, t), module(x, t))
    saved = load_file("checkpoint/model.safetensors")
    del saved["network.body.4.weight"]
    save_file(saved, "checkpoint/model.safetensors")
    assert torch.equal(sureflow.load("checkpoint").network(x, t), module(x, t))


def test_a_configuration_with_a_byte_order_mark(folder: Path) -> None:
    path = folder / "mine.toml"
    path.write_text(path.read_text(), "utf-8-sig")
    assert _fit_here(folder) == (0, "")


def test_frozen_network_is_not_trained(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fitted.folder)
    done = CliRunner().invoke(app, ["train", "mine.toml", "--out", "out"])
    assert done.exit_code == 1
    _one_line(done.stderr, "network.kind: a frozen network is not trained")


def _network(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["network"].update(changes)
        path.write_text(json.dumps(config))

    return change


def _tensors(name: str, value: Tensor | None) -> Callable[[Path], None]:
    return lambda folder: _retensor(folder / "model.safetensors", {name: value})


DAMAGE: dict[str, Callable[[Path], object]] = {
    r"config.json: network.base: 'os.system' is not installed": _network(base="os.system"),
    r"config.json: network.arguments: expected a table": _network(arguments=[64]),
    r"config.json: network.arguments: my-flow failed": _network(arguments={"depth": 64}),
    r"config.json: final: no layer named 'tail'": _network(final="tail"),
    r"config.json: final: .*not that of 'body.2'": _network(final="body.2"),
    r"config.json: network: .*surprise": _network(surprise=1),
    r"config.json: network: cannot evaluate samples of shape \[1, 2\]": _network(shape=[1, 2]),
    r"model.safetensors: tensor network.body.0.bias is \[64\]": _network(
        arguments={"width": 10**7}
    ),
    r"model.safetensors: tensor network.head.bias is absent": _tensors("network.head.bias", None),
    r"model.safetensors: tensor network.head.weight holds NaN": _tensors(
        "network.head.weight", torch.full((2, 64), np.nan)
    ),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_damaged_checkpoint_is_named(fitted: Fitted, tmp_path: Path, message: str) -> None:
    folder = _copy(fitted, tmp_path) / "checkpoint"
    sureflow.load(folder)
    DAMAGE[message](folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        sureflow.load(folder)
    assert str(folder) in str(caught.value)


def test_module_that_looks_at_values_while_it_is_made(fitted: Fitted, tmp_path: Path) -> None:
    """Such a module cannot be built without storage, but loads all the same."""
    folder = _copy(fitted, tmp_path) / "checkpoint"

    def picky(width: int) -> nn.Module:
        assert float(torch.linspace(0, 1, 3)[1]) == 0.5
        return type(fitted.module)(width)

    register("my-flow", picky)
    model = sureflow.load(folder)
    x, t = torch.randn(6, 2), torch.rand(6)
    assert torch.equal(model.network(x, t), fitted.module(x, t))


class Painter(nn.Module):
    """A user's network for labelled images, with the rearrangement of its pixels at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.label = nn.Embedding(4, 8)
        self.stem = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        h = self.norm(self.stem(x) + (self.label(label) * t[:, None])[..., None, None])
        return nn.functional.pixel_shuffle(self.head(torch.tanh(h)), 2)


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    """Everything for ``fit`` on labelled images."""
    torch.manual_seed(0)
    register("painter", Painter)
    save_file(Painter().state_dict(), tmp_path / "my.safetensors")
    labels = torch.arange(60) % 3
    save_file({"samples": torch.rand(60, 1, 8, 8), "labels": labels}, tmp_path / "data.safetensors")
    (tmp_path / "mine.toml").write_text(PAINTED)
    return tmp_path


PAINTED = """
name = "painted"
[data]
name = "file"
path = "data.safetensors"
names = ["red", "green", "blue"]
[network]
kind = "frozen"
base = "painter"
final = "head"
shape = [1, 8, 8]
classes = 3
[variance]
steps = 3
"""


def test_labelled_images(painted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(painted)
    asked = ["fit", "mine.toml", "--weights", "my.safetensors", *TO_HERE]
    done = CliRunner().invoke(app, [*asked, "--force"])
    assert done.exit_code == 0, done.stderr
    model = sureflow.load("checkpoint")
    assert (model.card.media, model.card.classes) == ("image", ("red", "green", "blue"))
    module = Painter().eval()
    module.load_state_dict(load_file("my.safetensors"))
    x, t, label = torch.randn(4, 1, 8, 8), torch.rand(4), torch.tensor([0, 1, 2, 3])
    assert torch.equal(model.network(x, t, label), module(x, t, label))
    (sample,) = sureflow.sample(model, label=2, guidance=1.5, steps=3)
    assert sample.map.shape == (1, 8, 8)
    assert sample.map.sum() == pytest.approx(sample.uncertainty, rel=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', "blue"', ', "blue", "grey"', "data: has 4 classes, but network.classes is 3"),
        ("classes = 3", "classes = 4", "network: cannot evaluate samples of shape [1, 8, 8], lab"),
        ("classes = 3", "", "network: cannot evaluate samples of shape [1, 8, 8]: "),
    ],
)
def test_classes_must_fit(
    painted: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    monkeypatch.chdir(painted)
    _edit(painted / "mine.toml", old, new)
    done = CliRunner().invoke(app, ["fit", "mine.toml", "--weights", "my.safetensors", *TO_HERE])
    assert done.exit_code == 1
    _one_line(done.stderr, message)
