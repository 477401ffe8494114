"""Networks of diffusers answer as they do there, and take nothing that is not asked for."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sureflow.networks.foreign import package
from sureflow.networks.foreign.diffusers import diffusers
from sureflow.networks.foreign.diffusers_adapters import ADAPTERS, packed, unpacked
from tests.tiny_diffusers import CONDITIONED, DIT, MODELS, UNET, peer

CONSTANTS = {
    "large": {"time_ids": [64.0, 64.0, 0.0, 0.0, 64.0, 64.0]},
    "sized": {"resolution": [64.0, 64.0], "aspect_ratio": [1.0]},
}


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("diffusers")


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


T = torch.tensor([3.0, 700.5])
LABEL = torch.tensor([4, 7])
X, LATENT, TEXT, POOLED = noise(2, 1, 8, 8), noise(2, 4, 8, 8), noise(2, 5, 12), noise(2, 10)
MASK = torch.tensor([[1.0, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
TEXTED = {"encoder_hidden_states": TEXT}
GUIDANCE = torch.tensor([[3.5], [1.0]])
SIZES = torch.tensor([CONSTANTS["large"]["time_ids"]] * 2)

CALLS: dict[str, tuple[dict[str, Tensor], dict[str, Any]]] = {
    "unet": ({"sample": X}, {}),
    "labelled": ({"sample": X, "class_labels": LABEL}, {}),
    "conditioned": ({"sample": LATENT, **TEXTED}, {}),
    "large": (
        {"sample": LATENT, **TEXTED, "text_embeds": POOLED},
        {"added_cond_kwargs": {"text_embeds": POOLED, "time_ids": SIZES}},
    ),
    "dit": ({"hidden_states": LATENT, "class_labels": torch.tensor([4, 10])}, {}),
    "pixart": (
        {"hidden_states": LATENT, **TEXTED, "encoder_attention_mask": MASK},
        {"added_cond_kwargs": {"resolution": None, "aspect_ratio": None}},
    ),
    "sized": (
        {"hidden_states": LATENT, **TEXTED},
        {
            "added_cond_kwargs": {
                "resolution": torch.tensor([[64.0, 64.0]] * 2),
                "aspect_ratio": torch.tensor([[1.0]] * 2),
            }
        },
    ),
    "sd3": ({"hidden_states": LATENT, **TEXTED, "pooled_projections": POOLED}, {}),
}
"""Our arguments, and what diffusers is given besides them and instead of ``text_embeds``."""

HUGE = {"attention_head_dim": 130_000, "num_layers": 9}


def both(name: str) -> tuple[nn.Module, Any]:
    theirs = peer(name)
    ours = diffusers(*MODELS[name], constants=CONSTANTS.get(name))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@torch.no_grad()
@pytest.mark.parametrize("name", CALLS)
def test_answers_have_the_bits_of_diffusers(name: str) -> None:
    ours, theirs = both(name)
    given, others = CALLS[name]
    direct = {key: value for key, value in given.items() if key != "text_embeds"}
    expected = theirs(timestep=T, **direct, **others).sample
    assert expected.std() > 0.01
    assert torch.equal(ours(timestep=T, **given).sample, expected)


@torch.no_grad()
def test_flux_takes_latents() -> None:
    ours, theirs = both("flux")
    x = noise(2, 4, 8, 6)
    # Written out: token (i, j) holds the square at (2i, 2j), channel by channel.
    tokens = torch.stack(
        [
            torch.stack(
                [x[:, c, 2 * i + a, 2 * j + b] for c in range(4) for a in (0, 1) for b in (0, 1)], 1
            )
            for i in range(4)
            for j in range(3)
        ],
        1,
    )
    places = torch.tensor([[0.0, i, j] for i in range(4) for j in range(3)])
    expected = theirs(
        hidden_states=tokens,
        encoder_hidden_states=TEXT,
        pooled_projections=POOLED,
        timestep=T / 1000,
        img_ids=places,
        txt_ids=torch.zeros(5, 3),
        guidance=GUIDANCE[:, 0],
    ).sample
    assert torch.equal(packed(x), tokens)
    out = ours(
        hidden_states=x,
        timestep=T / 1000,
        encoder_hidden_states=TEXT,
        pooled_projections=POOLED,
        guidance=GUIDANCE,
    ).sample
    assert out.shape == x.shape
    assert torch.equal(packed(out), expected)


def test_packing_is_undone() -> None:
    x = noise(3, 2, 4, 6)
    assert torch.equal(unpacked(packed(x), 2, 3), x)


@pytest.mark.parametrize("name", [*CALLS, "flux"])
def test_weights_have_the_names_of_diffusers(name: str) -> None:
    ours, theirs = both(name)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    with torch.device("meta"):
        meta = diffusers(*MODELS[name], constants=CONSTANTS.get(name))
    assert all(tensor.is_meta for tensor in meta.state_dict().values())


def test_all_classes_there_are() -> None:
    assert {kind for kind, _ in MODELS.values()} == set(ADAPTERS)


def test_fields_that_begin_with_an_underscore_are_left_out() -> None:
    diffusers("UNet2DModel", UNET | {"_class_name": "Evil", "_diffusers_version": "0.1"})


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("UNet3DModel", {}, r"^name: 'UNet3DModel' is none of .* DiT.*UNet2DModel"),
        ("os.system", {}, r"^name: 'os.system' is none"),
        (None, {}, r"^name: None is none"),
        ("UNet2DModel", [], r"^config: expected a table"),
        ("UNet2DModel", UNET | {"depth": 3}, r"^config: UNet2DModel .* takes no 'depth'"),
        ("UNet2DModel", UNET | {"norm_num_groups": 3}, r"^config: UNet2DModel cannot be made"),
        ("UNet2DModel", UNET | {"layers_per_block": 10**9}, r"^config.layers_per_block: 1"),
        ("UNet2DModel", UNET | {"in_channels": 10**400}, r"^config.in_channels: 1000+ is out"),
        ("UNet2DModel", UNET | {"norm_eps": float("nan")}, r"^config.norm_eps: nan is out"),
        ("UNet2DModel", UNET | {"act_fn": "x" * 300}, r"^config.act_fn: is longer"),
        ("UNet2DModel", UNET | {"block_out_channels": [8] * 99}, r"^config.block_out.*99 entries"),
        ("UNet2DModel", UNET | {"act_fn": {}}, r"^config.act_fn: expected a number"),
        ("UNet2DModel", UNET | {"act_fn": [[[[[1]]]]]}, r"^config.act_fn: is nested too deeply"),
        ("DiTTransformer2DModel", DIT | HUGE, r"^config: asks for .* parameters"),
        ("DiTTransformer2DModel", DIT | {"sample_size": 100_000}, r"^config: asks for tables"),
    ],
)  # fmt: skip
def test_refuses_what_it_cannot_make(name: Any, config: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusers(name, config)


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"size": 3}, r"^constants: there is no 'size'; there are: time_ids"),
        ({"time_ids": [1, 2]}, r"^constants.time_ids: expected 6 numbers"),
        ({"time_ids": "ab"}, r"^constants.time_ids: expected 6 numbers"),
    ],
)
def test_refuses_other_constants(constants: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusers("UNet2DConditionModel", CONDITIONED, constants)


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(package, "import_module", absent)
    with pytest.raises(ValueError, match=r"pip install 'diffusers>="):
        diffusers("UNet2DModel", UNET)


@pytest.mark.slow
def test_warns_of_nothing() -> None:
    code = (
        "from sureflow.networks.foreign.diffusers import class_of\n"
        "from sureflow.networks.foreign.diffusers_adapters import ADAPTERS\n"
        "print([class_of(name).__name__ for name in ADAPTERS] == [*ADAPTERS])"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=300
    )
    assert (ran.stdout, ran.stderr) == ("True\n", "")
