"""Networks of several stages: how they are described, and what is wrong with them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from sureflow.checkpoint import CheckpointConfig, CheckpointError, load, save
from sureflow.networks import Bfloat16, Decoder, SampleEncoder, Staged, build
from tests.staged import NULL, Pushed, decoder, encoder

CONFIG: dict[str, Any] = {
    "kind": "staged",
    "denoiser": {
        "kind": "unet",
        "shape": [2, 4, 4],
        "channels": [16],
        "blocks": 1,
        "patch": 1,
        "embedding": 16,
        "conditions": {"text": {"kind": "text", "shape": [3, 8]}},
    },
    "decoder": {
        "base": "image_decoder",
        "arguments": {"latent": 2, "channels": [16, 8]},
        "shape": [1, 8, 8],
        "scale": 0.18215,
        "shift": 0.5,
    },
    "sample_encoder": {
        "base": "image_encoder",
        "arguments": {"latent": 2, "channels": [8]},
    },
    "preview": {
        "base": "image_decoder",
        "arguments": {"latent": 2, "channels": [4, 2]},
        "shape": [1, 8, 8],
    },
    "encoder": {
        "base": "token_transformer",
        "arguments": {"size": 4, "tokens": 3, "width": 8, "heads": 2},
        "tokens": 3,
        "vocabulary": {"words": ["a", "bold", "three"]},
        "null": [1],
    },
}


BESIDE = ("decoder", "encoder", "sample_encoder", "preview")
"""The stages besides the denoiser."""


def without(path: str, **changes: Any) -> dict[str, Any]:
    """The config with changes in a table of it; a value of None removes a field."""
    config = deepcopy(CONFIG)
    part = config
    for name in path.split(".") if path else ():
        part = part[name]
    for name, value in changes.items():
        if value is None:
            del part[name]
        else:
            part[name] = value
    return config


def test_it_answers_as_its_denoiser() -> None:
    torch.manual_seed(0)
    network = build(CONFIG)
    assert isinstance(network, Staged)
    assert network.stages == ("encoder", "sample_encoder", "decoder", "preview")
    assert network.shape == (2, 4, 4)
    x, t, text = torch.randn(3, 2, 4, 4), torch.rand(3), torch.randn(3, 3, 8)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        one, other = (each.moments(x, t, text=text) for each in (network, network.denoiser))
        assert torch.equal(one.mean, other.mean)
        assert torch.equal(one.variance, other.variance)
        assert not torch.equal(one.mean, network(x, t)), "the text matters"
        assert network.decoder(x).shape == (3, 1, 8, 8)
        assert torch.equal(network.decoder(x), network.decoder.module(x / 0.18215 + 0.5))
        assert torch.equal(network.preview(x), network.preview.module(x))
        sample = torch.randn(3, 1, 8, 8)
        latents = (network.sample_encoder.module(sample) - 0.5) * 0.18215
        assert torch.equal(network.sample_encoder(sample), latents)
        assert latents.shape == x.shape
    assert [*network.noise_parameters()] == [*network.denoiser.noise_parameters()]
    assert not any(name.startswith("noise") for name in network.state_dict())


def test_the_text_is_said_to_be_encoded() -> None:
    prompt = build(CONFIG).conditions["text"].prompt
    assert prompt is not None
    assert (prompt.tokens, prompt.size, prompt.null) == (3, 4, (1, 0, 0))
    declared = Staged(Pushed(), encoder=encoder()).conditions["text"]
    assert declared.null == NULL
    assert declared.prompt.null is None


def test_a_checkpoint_holds_all_stages(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(CONFIG)
    folder = tmp_path / "captions"
    save(folder, CheckpointConfig(name="captions", media="image", network=CONFIG), network)
    model = load(folder)
    assert model.card.shape == (1, 8, 8)
    assert model.card.state_shape == (2, 4, 4)
    assert model.card.stages == ("encoder", "sample_encoder", "decoder", "preview")
    assert model.card.encoded == (1, 8, 8)
    assert model.card.parameters == sum(p.numel() for p in network.parameters())
    tokens = torch.tensor([[1, 3, 0]])
    with torch.no_grad():
        assert torch.equal(
            model.network.encoder(tokens)["text"], network.eval().encoder(tokens)["text"]
        )
    halved = load(folder, precision="bfloat16")
    assert isinstance(halved.network.denoiser, Bfloat16)
    assert {p.dtype for p in halved.network.decoder.parameters()} == {torch.float32}
    config = without("decoder", shape=[1, 4, 4])
    save(folder, CheckpointConfig(name="captions", media="image", network=config), network)
    with pytest.raises(
        CheckpointError, match=r"decoder\.shape: is \[1, 4, 4\], but it gives \[1, 8, 8\]"
    ):
        load(folder)


@pytest.mark.parametrize(
    ("path", "changes", "message"),
    [
        ("", dict.fromkeys(BESIDE), "decoder: is missing, as is an encoder"),
        ("", {"denoiser": None}, r"network\.denoiser\.kind: None is unknown"),
        ("", {"denoiser": 3}, r"network\.denoiser: expected a table"),
        ("", {"denoiser": CONFIG}, r"network\.denoiser\.kind: a network of stages is none itself"),
        ("", {"tower": {}}, "network: .*tower"),
        ("decoder", {"base": "unet"}, r"network\.decoder\.base: 'unet' is not installed"),
        (
            "decoder",
            {"arguments": {"width": 1}},
            r"decoder\.arguments: image_decoder failed",
        ),
        ("decoder", {"scale": 0}, r"network\.decoder\.scale: 0 is no finite number, or is 0"),
        ("decoder", {"shape": [0, 8, 8]}, r"network\.decoder\.shape: expected"),
        ("decoder", {"shape": [1 << 40]}, r"network\.decoder\.shape: expected"),
        ("decoder", {"shape": [1, 8, 9]}, r"decoder\.shape: is \[1, 8, 9\], but it gives"),
        ("decoder", {"inputs": {"x": "z"}}, r"network\.decoder\.inputs: expected .*'latent'"),
        ("decoder", {"inputs": {"latent": "z"}}, r"decoder\.base: cannot evaluate"),
        ("decoder", {"output": "sample"}, r"decoder\.base: cannot evaluate .*no 'sample'"),
        ("decoder.arguments", {"latent": 3}, r"decoder\.base: cannot evaluate rows \[1, 2, 4, 4\]"),
        ("", {"decoder": None}, "sample_encoder: is for models with a decoder"),
        ("", {"decoder": None, "sample_encoder": None}, "preview: is for models with a decoder"),
        (
            "preview",
            {"shape": [1, 4, 4], "arguments": {"latent": 2, "channels": [4]}},
            r"preview\.shape: is \[1, 4, 4\], and samples of the decoder have \[1, 8, 8\]",
        ),
        ("preview.arguments", {"channels": [4]}, r"preview\.shape: .*, but it gives \[1, 4, 4\]"),
        ("sample_encoder", {"scale": 1.0}, r"sample_encoder\.scale: is that of the decoder"),
        (
            "sample_encoder.arguments",
            {"channels": [8, 8]},
            r"sample_encoder\.shape: is \[2, 4, 4\], but it gives \[2, 2, 2\]",
        ),
        ("sample_encoder", {"base": "ear"}, r"network\.sample_encoder\.base: 'ear' is not inst"),
        ("encoder", {"condition": "words"}, r"encoder\.condition: 'words' is no text .*: text$"),
        ("encoder", {"tokens": 0}, r"network\.encoder\.tokens: 0 is not a number in 1"),
        ("encoder", {"tokens": 4, "null": None}, r"encoder\.base: cannot evaluate rows \[1, 4\]"),
        ("encoder", {"null": [4]}, r"network\.encoder\.null: expected .* tokens below 4"),
        ("encoder", {"size": 3}, r"network\.encoder\.size: 3 is below the 4 tokens"),
        ("encoder", {"examples": "a"}, r"network\.encoder\.examples: expected a list"),
        ("encoder", {"examples": ["a", "b"]}, r"network\.encoder\.examples\.1: has the word 'b'"),
        ("encoder", {"vocabulary": None}, r"network\.encoder\.size: without a vocabulary"),
        ("encoder.vocabulary", {"level": "line"}, r"encoder\.vocabulary\.level: 'line' is unknown"),
        (
            "encoder.vocabulary",
            {"words": ["a", "a"]},
            r"vocabulary\.words: expected each once",
        ),
        ("encoder.vocabulary", {"words": ["A"]}, r"encoder\.vocabulary\.words: .* lower case"),
        (
            "denoiser.conditions.text",
            {"prompt": {}},
            r"conditions\.text\.prompt: is said by",
        ),
        ("denoiser.conditions.text", {"kind": "vector"}, r"encoder\.condition: 'text' is no text"),
    ],
)
def test_what_is_wrong_is_named(path: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(without(path, **changes))


def test_a_stage_is_frozen() -> None:
    network = Staged(Pushed(), decoder(), encoder()).train()
    assert not network.decoder.training
    assert not network.encoder.module.training
    assert not any(p.requires_grad for p in network.decoder.parameters())


def test_a_latent_can_be_told_from_a_sample() -> None:
    same = torch.nn.Identity()
    with pytest.raises(ValueError, match=r"^sample_encoder\.shape: is that of a sample"):
        Staged(Pushed(), Decoder(same, (2,)), sample_encoder=SampleEncoder(same, (2,)))


def test_samples_are_as_many_times_larger_as_the_first() -> None:
    network = build(without("denoiser", shapes=[[2, 4, 4], [2, 6, 2]]))
    assert network.sample_shapes == ((1, 8, 8), (1, 12, 4))
    config = without("decoder", shape=[1, 6, 8])
    config["denoiser"]["shapes"] = [[2, 4, 4], [2, 6, 2]]
    with pytest.raises(ValueError, match=r"decoder.shape: is \[1, 6, 8\], but it gives"):
        build(config)
