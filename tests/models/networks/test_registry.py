from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sureflow.moments import Moments
from sureflow.networks import (
    FrozenVelocity,
    VelocityNetwork,
    build,
    declare_plugin,
    load_plugin,
    register,
    registry,
)

FROZEN = {"kind": "frozen", "final": "head", "shape": [2]}


class Still(VelocityNetwork):
    """A network that stands still."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__(tuple(shape), 0, 0.0)
        self.noise = nn.ModuleDict()

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        return Moments(torch.zeros_like(x))


class Plain(nn.Module):
    """A module that knows nothing of velocity networks."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Linear(2, width)
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x).tanh())
        return out


PLUGIN = """
import torch
from torch import nn

class Foreign(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.head = nn.Linear(2, 2)

    def forward(self, x, t):
        return self.head(x)

answer = 42
"""


@pytest.fixture(autouse=True)
def own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    monkeypatch.setattr(registry, "_declared", {})


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module on the path, and a distribution whose entry points name it."""
    (tmp_path / "foreign_flow.py").write_text(PLUGIN)
    info = tmp_path / "foreign_flow-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-flow\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[sureflow.networks]\nforeign = foreign_flow:Foreign\nbroken = foreign_flow:Absent\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_registered_kind_is_built() -> None:
    register("still", Still)
    network = build({"kind": "still", "shape": [3]})
    assert isinstance(network, Still)
    assert network.shape == (3,)
    out = network.moments(torch.ones(2, 3), torch.zeros(2))
    assert out.variance is not None
    assert not out.variance.any()


def test_registered_module_becomes_the_base_of_a_frozen_network() -> None:
    register("plain", Plain)
    network = build({**FROZEN, "base": "plain", "arguments": {"width": 8}, "width": 16})
    assert isinstance(network, FrozenVelocity)
    assert isinstance(network.network, Plain)
    assert network.network.body.out_features == 8
    assert network.noise["final"].noise.input.out_features == 16


def test_entry_point_is_found(installed: Path) -> None:
    network = build({**FROZEN, "base": "foreign"})
    assert type(network.network).__module__ == "foreign_flow"


def test_plugin_is_named_or_goes_by_its_own_name(installed: Path) -> None:
    load_plugin("foreign_flow:Foreign")
    load_plugin("foreign_flow:Foreign", name="mine")
    for base in ("Foreign", "mine"):
        assert type(build({**FROZEN, "base": base}).network).__name__ == "Foreign"


def test_declared_plugin_is_imported_when_it_is_asked_for(installed: Path) -> None:
    declare_plugin("declared=foreign_flow:Foreign")
    declare_plugin("gone=absent_flow:Foreign")
    assert type(build({**FROZEN, "base": "declared"}).network).__name__ == "Foreign"
    with pytest.raises(ValueError, match="'absent_flow:Foreign' cannot be loaded"):
        build({**FROZEN, "base": "gone"})
    with pytest.raises(ValueError, match=r"there are: .*\bgone\b"):
        build({**FROZEN, "base": "absent"})


@pytest.mark.parametrize("wrong", ["foreign_flow:Foreign", "=foreign_flow:Foreign", "x=foreign"])
def test_declaration_has_a_name_and_a_factory(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"not of the form name=package\.module:factory"):
        declare_plugin(wrong)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("foreign_flow", "not of the form package.module:factory"),
        (":Foreign", "not of the form package.module:factory"),
        ("foreign flow:Foreign", "not of the form package.module:factory"),
        ("absent_flow:Foreign", "cannot be loaded: ModuleNotFoundError: .*absent_flow"),
        ("foreign_flow:Absent", "cannot be loaded: AttributeError: .*Absent"),
        ("foreign_flow:answer", "nothing that can be called"),
    ],
)
def test_plugin_that_cannot_be_used(installed: Path, reference: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^plugin: '{reference}' .*{message}"):
        load_plugin(reference)


def test_broken_entry_point_is_named_and_spoils_nothing_else(installed: Path) -> None:
    with pytest.raises(ValueError, match="'foreign_flow:Absent' cannot be loaded"):
        build({**FROZEN, "base": "broken"})
    with pytest.raises(ValueError, match=r"there are: (\S+, )*broken, (\S+, )*foreign\b"):
        build({**FROZEN, "base": "absent"})
    build({**FROZEN, "base": "foreign"})


def test_names_built_in_stay() -> None:
    with pytest.raises(ValueError, match="'mlp' is the name of a network built in"):
        register("mlp", Still)


def test_building_leaves_the_config_alone() -> None:
    register("plain", Plain)
    for config in (
        {"kind": "mlp", "shape": [2], "width": 8, "layers": 1},
        {**FROZEN, "base": "plain", "arguments": {"width": 8}},
    ):
        before = dict(config)
        build(config)
        assert config == before


@pytest.mark.parametrize(
    "config", [{"kind": "perceptron"}, {}, {"kind": ["mlp"]}, {"kind": "plain", "shape": [2]}]
)
def test_unknown_kind_lists_the_known(config: dict[str, object]) -> None:
    register("plain", Plain)
    with pytest.raises(ValueError, match=r"network\.kind: .*dit.*frozen.*mlp.*unet") as caught:
        build(config)
    assert "plain" not in str(caught.value).partition("choose from")[2]


@pytest.mark.parametrize("arguments", [{"shape": [2], "depth": 4}, {}])
def test_arguments_that_do_not_fit(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="network: "):
        build({"kind": "mlp", **arguments})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"base": "absent"},
            r"network\.base: 'absent' is not installed; there are: .*plain.*; if it is yours, say "
            r"what it is by --plugin NAME=package\.module:factory",
        ),
        ({"base": "mlp"}, r"network\.base: 'mlp' is not installed"),
        ({"base": None}, r"network\.base: None is not installed"),
        ({"base": "answer"}, r"network\.base: 'answer' makes a int"),
        ({"arguments": [4]}, r"network\.arguments: expected a table"),
        ({"arguments": {"depth": 4}}, r"network\.arguments: plain failed: TypeError: .*depth"),
        ({"arguments": {"width": -1}}, r"network\.arguments: plain failed: RuntimeError"),
        ({"final": "tail"}, "final: no layer named 'tail'"),
        ({"final": 3}, "final: no layer named 3"),
        ({"shape": [3]}, "network: cannot evaluate samples of shape"),
        ({"shape": [-2]}, "shape: expected"),
        ({"shape": None}, "network: "),
        ({"depth": 4}, "network: .*depth"),
    ],
)
def test_frozen_config_that_does_not_fit(changes: dict[str, object], message: str) -> None:
    register("plain", Plain)
    register("answer", lambda: 42)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match=message):
        build({**FROZEN, "base": "plain", **changes})
