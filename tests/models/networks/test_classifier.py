"""Classes read off activations: the arithmetic, the file, and what it may be attached to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from sureflow.networks import Bfloat16, Classifier, NetworkOutput, VelocityNetwork, build
from sureflow.networks.classifier import celled

Randomised = Callable[..., VelocityNetwork]

SMALL: dict[str, Any] = {"classes": 3, "embedding": 16}
IMAGES: dict[str, Any] = {"shape": [1, 8, 8], "heads": 2, "patch": 2, **SMALL}
CONFIGS: dict[str, tuple[dict[str, Any], int]] = {
    "mlp": ({"kind": "mlp", "shape": [6], "width": 32, "layers": 2, **SMALL}, 1),
    "unet": ({"kind": "unet", "channels": [16, 32], "blocks": 1, "groups": 4, **IMAGES}, 4),
    "dit": ({"kind": "dit", "width": 32, "blocks": 2, **IMAGES}, 4),
}
"""Networks, and the cells that are read of each."""


def _classifier(channels: int, cells: int, classes: int = 3) -> Classifier:
    drawn = torch.Generator().manual_seed(2)
    weight = torch.randn(classes, channels, cells, generator=drawn)
    return Classifier(weight, torch.randn(classes, generator=drawn), {"data": "chance"})


def test_cells_are_squares_of_images_and_runs_of_tokens() -> None:
    images = torch.arange(16.0).view(1, 1, 4, 4)
    assert celled(images, 4).tolist() == [[2.5, 4.5, 10.5, 12.5]]
    assert celled(images, 1).tolist() == [[7.5]]
    assert torch.equal(celled(images, 16), images.flatten(1))
    tokens = torch.arange(8.0).view(1, 4, 2)
    assert celled(tokens, 4).tolist() == [[0, 2, 4, 6, 1, 3, 5, 7]], "channels first"
    assert celled(tokens, 1).tolist() == [[3, 4]]
    assert celled(torch.ones(5, 3), 1).shape == (5, 3)
    assert celled(torch.ones(5, 3, 2, 2, 2), 4).shape == (5, 12)
    odd = torch.randn(6, 2, 5, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(celled(odd, 9)[:1], celled(odd[:1], 9)), "a row's bits are its own"


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_kind_can_be_read(kind: str, randomised: Randomised) -> None:
    config, cells = CONFIGS[kind]
    network = randomised(config)
    drawn = torch.Generator().manual_seed(7)
    x = torch.randn(16, *config["shape"], generator=drawn)
    t, label = torch.rand(16, generator=drawn), torch.full((16,), 3)
    with torch.no_grad():
        before = network.moments(x, t, label)
        assert before.logits is None
        classifier = _classifier(network.probe_channels, cells)
        network.attach(classifier, "classifier")

        def logits(rows: slice, x: Tensor = x) -> Tensor:
            found = network.moments(x[rows], t[rows], label[rows]).logits
            assert found is not None
            return found

        assert torch.equal(network.moments(x, t, label).mean, before.mean), "it only looks"
        shown = network.run(x, t, label, noisy=True)
        assert isinstance(shown, NetworkOutput)
        assert shown.hidden is not None
        expected = F.linear(
            celled(shown.hidden, cells), classifier.weight.flatten(1), classifier.bias
        )
        whole = logits(slice(None))
        torch.testing.assert_close(whole, expected)
        assert float(whole.std(0).min()) > 0
        others = x + 1
        others[3] = x[3]
        assert torch.equal(logits(slice(None), others)[3], whole[3])
        assert torch.equal(logits(slice(0, 8)), whole[:8])
        for count in (1, 2, 5):
            assert torch.equal(classifier(shown.hidden[:count]), whole[:count])
    assert not any("classifier" in name for name in network.state_dict())


def test_half_precision_reads_nearly_the_same(randomised: Randomised) -> None:
    config, cells = CONFIGS["unet"]
    network = randomised(config)
    network.attach(_classifier(network.probe_channels, cells), "classifier")
    x, t = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.ones(8)
    with torch.no_grad():
        exact, rounded = network.moments(x, t), Bfloat16(network).eval().moments(x, t)
    assert exact.logits is not None
    assert rounded.logits is not None
    assert rounded.logits.dtype == torch.float32
    spread = float(exact.logits.std())
    torch.testing.assert_close(rounded.logits, exact.logits, rtol=0.05, atol=0.1 * spread)


def test_what_does_not_fit_is_not_attached() -> None:
    network = build(CONFIGS["mlp"][0])
    with pytest.raises(ValueError, match="reads 7 channels, the network has 32"):
        network.attach(_classifier(7, 1), "classifier")
    with pytest.raises(ValueError, match="knows 2 classes, the network has 3"):
        network.attach(_classifier(32, 1, classes=2), "classifier")


def test_round_trip(tmp_path: Path) -> None:
    classifier = _classifier(4, 9)
    classifier.save(tmp_path / "classifier.safetensors")
    again = Classifier.load(tmp_path / "classifier.safetensors")
    assert torch.equal(again.weight, classifier.weight)
    assert torch.equal(again.bias, classifier.bias)
    assert again.settings == {"data": "chance"}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.zeros(2, 4, 1)}, "holds"),
        ({"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, "square number of cells"),
        ({"weight": torch.zeros(2, 4, 3), "bias": torch.zeros(2)}, "square number of cells"),
        ({"weight": torch.zeros(2, 4, 0), "bias": torch.zeros(2)}, "square number of cells"),
        ({"weight": torch.zeros(2, 1, 289), "bias": torch.zeros(2)}, "at most 256"),
        ({"weight": torch.zeros(1, 4, 1), "bias": torch.zeros(1)}, "square number of cells"),
        ({"weight": torch.zeros(2, 4, 1), "bias": torch.zeros(3)}, r"bias has shape \[3\]"),
        ({"weight": torch.zeros(2, 4, 1).half(), "bias": torch.zeros(2)}, "float16"),
        ({"weight": torch.full((2, 4, 1), torch.nan), "bias": torch.zeros(2)}, "NaN"),
    ],
)
def test_files_that_are_no_classifier_say_why(tmp_path: Path, tensors, message: str) -> None:
    save_file(tensors, tmp_path / "classifier.safetensors")
    with pytest.raises(ValueError, match=message):
        Classifier.load(tmp_path / "classifier.safetensors")
