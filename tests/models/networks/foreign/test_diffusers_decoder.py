"""Decoders and encoders of diffusers: they answer as in diffusers, each without the other."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sureflow.networks import Decoder, SampleEncoder, build
from sureflow.sampling.evaluator import Evaluator

diffusers = pytest.importorskip("diffusers")

from sureflow.families.flow.stage_heads import decoder as head  # noqa: E402
from sureflow.families.flow.stage_heads import sample_encoder as encoding_head  # noqa: E402
from sureflow.networks.foreign.diffusers_decoder import diffusers_decoder  # noqa: E402
from sureflow.networks.foreign.diffusers_encoder import diffusers_encoder  # noqa: E402

KL: dict[str, Any] = {
    "in_channels": 1,
    "out_channels": 1,
    "latent_channels": 4,
    "block_out_channels": [8, 8],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "sample_size": 8,
    "_class_name": "AutoencoderKL",
}
TINY: dict[str, Any] = {
    "in_channels": 1,
    "out_channels": 1,
    "encoder_block_out_channels": [8, 8],
    "decoder_block_out_channels": [8, 8],
    "num_encoder_blocks": [1, 1],
    "num_decoder_blocks": [1, 1],
    "latent_channels": 4,
}
DC: dict[str, Any] = {
    "in_channels": 1,
    "latent_channels": 4,
    "encoder_block_out_channels": [8, 8],
    "decoder_block_out_channels": [8, 8],
    "encoder_layers_per_block": [1, 1],
    "decoder_layers_per_block": [1, 1],
    "encoder_block_types": "ResBlock",
    "decoder_block_types": "ResBlock",
    "encoder_qkv_multiscales": [[], []],
    "decoder_qkv_multiscales": [[], []],
    "decoder_norm_types": "rms_norm",
    "decoder_act_fns": "silu",
}
CLASSES = {"AutoencoderKL": KL, "AutoencoderTiny": TINY, "AutoencoderDC": DC}


@pytest.mark.parametrize("name", CLASSES)
def test_it_decodes_as_in_diffusers(name: str) -> None:
    torch.manual_seed(0)
    config = {k: v for k, v in CLASSES[name].items() if not k.startswith("_")}
    theirs = getattr(diffusers, name)(**config).eval()
    ours = diffusers_decoder(name, CLASSES[name])
    state = {k: v for k, v in theirs.state_dict().items() if k in ours.state_dict()}
    ours.load_state_dict(state)
    assert not any(key.startswith(("encoder.", "quant_conv")) for key in ours.state_dict())
    stage = Decoder(ours, (1, 8, 8), 0.18215, 0.5, output="sample", inputs={"latent": "z"})
    z = torch.randn(3, 4, 4, 4)
    with torch.no_grad():
        torch.testing.assert_close(stage(z), theirs.decode(z / 0.18215 + 0.5).sample)
    evaluate = head(stage, (4, 4, 4))
    assert Evaluator(evaluate.evaluate, evaluate.example, candidates=evaluate.row_counts).sizes


@pytest.mark.parametrize("name", CLASSES)
def test_it_encodes_as_in_diffusers(name: str) -> None:
    """The mean of the posterior, which is no draw; scaled as the decoder unscales it."""
    torch.manual_seed(0)
    config = {k: v for k, v in CLASSES[name].items() if not k.startswith("_")}
    theirs = getattr(diffusers, name)(**config).eval()
    ours = diffusers_encoder(name, CLASSES[name])
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k in ours.state_dict()})
    assert not any(key.startswith(("decoder.", "post_quant")) for key in ours.state_dict())
    stage = SampleEncoder(ours, (4, 4, 4), 0.18215, 0.5, inputs={"sample": "x"})
    x = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        made = theirs.encode(x)
        latent = made.latent_dist.mean if name == "AutoencoderKL" else made[0]
        torch.testing.assert_close(stage(x), (latent - 0.5) * 0.18215, rtol=0, atol=1e-5)
    head = encoding_head(stage, (1, 8, 8))
    assert Evaluator(head.evaluate, head.example, candidates=head.row_counts).sizes


def test_it_stands_behind_a_network_of_diffusers() -> None:
    config = {
        "kind": "staged",
        "denoiser": {
            "kind": "frozen",
            "base": "diffusers",
            "arguments": {
                "name": "UNet2DModel",
                "config": {
                    "sample_size": 4,
                    "in_channels": 4,
                    "out_channels": 4,
                    "block_out_channels": [8],
                    "layers_per_block": 1,
                    "down_block_types": ["DownBlock2D"],
                    "up_block_types": ["UpBlock2D"],
                    "norm_num_groups": 4,
                },
            },
            "shape": [4, 4, 4],
            "inputs": {"x": "sample", "t": "timestep"},
            "output": "sample",
            "path": {
                "kind": "discrete",
                "betas": "linear",
                "first": 1e-4,
                "last": 0.02,
                "steps": 100,
            },
            "prediction": "noise",
            "time": "step",
            "variance": "none",
        },
        "decoder": {
            "base": "diffusers_decoder",
            "arguments": {"name": "AutoencoderKL", "config": KL},
            "shape": [1, 8, 8],
            "scale": 0.18215,
            "output": "sample",
        },
    }
    network = build(config)
    assert network.variance_source == "none"
    assert not network.convention.plain
    with torch.no_grad():
        assert network(torch.randn(2, 4, 4, 4), torch.rand(2)).shape == (2, 4, 4, 4)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("UNet2DModel", {}, "name: 'UNet2DModel' is none of the classes there are: AutoencoderDC"),
        ("AutoencoderKL", {"colour": 1}, "config: AutoencoderKL .* takes no 'colour'"),
        ("AutoencoderKL", {"latent_channels": 1 << 40}, "config.latent_channels"),
    ],
)
def test_what_is_wrong_is_named(name: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffusers_decoder(name, config)
