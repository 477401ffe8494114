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
from sureflow.networks.state_classifier import StateClassifier

Randomised = Callable[..., VelocityNetwork]

SMALL: dict[str, Any] = {"classes": 3, "embedding": 16}
IMAGES: dict[str, Any] = {"shape": [1, 8, 8], "heads": 2, "patch": 2, **SMALL}
CONFIGS: dict[str, tuple[dict[str, Any], int]] = {
    "mlp": ({"kind": "mlp", "shape": [6], "width": 32, "layers": 2, **SMALL}, 1),
    "unet": ({"kind": "unet", "channels": [16, 32], "blocks": 1, "groups": 4, **IMAGES}, 4),
    "dit": ({"kind": "dit", "width": 32, "blocks": 2, **IMAGES}, 4),
}
"""Networks, and the cells that are read of each."""


TIMES = torch.tensor([0.2, 0.5, 0.9])


def _classifier(
    channels: int, cells: int, classes: int = 3, state: StateClassifier | None = None
) -> Classifier:
    drawn = torch.Generator().manual_seed(2)
    weight = torch.randn(3, classes, channels, cells, generator=drawn)
    bias, scale = torch.randn(3, classes, generator=drawn), torch.tensor([0.5, 1.0, 2.0])
    return Classifier(weight, bias, scale, TIMES, {"data": "chance"}, state)


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


def _heads(classifier: Classifier, hidden: Tensor, t: Tensor) -> Tensor:
    """The same, row by row: the nearest time's weights, then its scale."""
    rows = []
    for row, time in zip(hidden, t, strict=True):
        at = int((TIMES - time).abs().argmin())
        cells = celled(row[None], classifier.weight.shape[3])
        logits = F.linear(cells, classifier.weight[at].flatten(1), classifier.bias[at])
        rows.append(logits * classifier.scale[at])
    return torch.cat(rows)


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_kind_can_be_read(kind: str, randomised: Randomised) -> None:
    config, cells = CONFIGS[kind]
    network = randomised(config)
    drawn = torch.Generator().manual_seed(7)
    x = torch.randn(16, *config["shape"], generator=drawn)
    t = torch.rand(16, generator=drawn)
    with torch.no_grad():
        before = network.moments(x, t)
        classifier = _classifier(network.probe_channels, cells)
        network.attach(classifier, "classifier")
        assert torch.equal(network.moments(x, t).mean, before.mean), "it only looks"
        shown = network.run(x, t, torch.full((16,), 3), noisy=False)
        assert isinstance(shown, NetworkOutput)
        assert shown.hidden is not None
        assert torch.equal(network.told_nothing(x, t), shown.hidden)
        whole = classifier(shown.hidden, x, t)
        torch.testing.assert_close(whole, _heads(classifier, shown.hidden, t))
        assert float(whole.std(0).min()) > 0
        others = shown.hidden + 1
        others[3] = shown.hidden[3]
        assert torch.equal(classifier(others, x, t)[3], whole[3])
        for count in (1, 2, 5, 8):
            assert torch.equal(classifier(shown.hidden[:count], x[:count], t[:count]),
                               whole[:count])  # fmt: skip
    assert not any("classifier" in name for name in network.state_dict())


def test_of_two_times_as_near_the_earlier_counts() -> None:
    classifier = _classifier(4, 1)
    hidden = torch.randn(1, 4, generator=torch.Generator().manual_seed(0))
    at, midway = (classifier(hidden, hidden, torch.tensor([t])) for t in (0.2, 0.35))
    assert torch.equal(at, midway)
    assert not torch.equal(at, classifier(hidden, hidden, torch.tensor([0.36])))


def test_with_a_classifier_of_states_it_is_the_mean_of_both(randomised: Randomised) -> None:
    config, cells = CONFIGS["unet"]
    network = randomised(config)
    torch.manual_seed(1)
    state = StateClassifier(1, 3).frozen()
    classifier = _classifier(network.probe_channels, cells, state=state)
    plain = _classifier(network.probe_channels, cells)
    network.attach(classifier, "classifier")
    drawn = torch.Generator().manual_seed(3)
    x, t = torch.randn(9, 1, 8, 8, generator=drawn), torch.rand(9, generator=drawn)
    with torch.no_grad():
        hidden, at = network.told_nothing(x, t), (t[:, None] - TIMES).abs().argmin(1)
        expected = (plain(hidden, x, t) + state(x, t) * classifier.scale[at][:, None]) / 2
        torch.testing.assert_close(classifier(hidden, x, t), expected)
    assert not any("classifier" in name for name in network.state_dict())
    assert not any("classifier" in name for name, _ in network.named_parameters())


def test_half_precision_reads_nearly_the_same(randomised: Randomised) -> None:
    config, cells = CONFIGS["unet"]
    network = randomised(config)
    torch.manual_seed(1)
    state = StateClassifier(1, 3).frozen()
    classifier = _classifier(network.probe_channels, cells, state=state)
    network.attach(classifier, "classifier")
    x, t = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.ones(8)
    with torch.no_grad():
        exact = classifier(network.told_nothing(x, t), x, t)
        half = Bfloat16(network).eval()
        assert half.classifier is not None
        rounded = half.classifier(half.told_nothing(x, t), x, t)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.1 * float(exact.std()))


def test_what_does_not_fit_is_not_attached() -> None:
    network = build(CONFIGS["mlp"][0])
    with pytest.raises(ValueError, match="reads 7 channels, the network has 32"):
        network.attach(_classifier(7, 1), "classifier")
    with pytest.raises(ValueError, match="knows 2 classes, the network has 3"):
        network.attach(_classifier(32, 1, classes=2), "classifier")
    with pytest.raises(ValueError, match=r"reads images of 1 channels, not \[6\]"):
        network.attach(_classifier(32, 1, state=StateClassifier(1, 3)), "classifier")
    with pytest.raises(ValueError, match="knows 4 classes, weight 3"):
        _classifier(32, 1, state=StateClassifier(1, 4))


@pytest.mark.parametrize("state", [None, StateClassifier(2, 3)], ids=["alone", "with states"])
def test_round_trip(tmp_path: Path, state: StateClassifier | None) -> None:
    classifier = _classifier(4, 9, state=None if state is None else state.frozen())
    classifier.save(tmp_path / "classifier.safetensors")
    again = Classifier.load(tmp_path / "classifier.safetensors")
    before, after = classifier.tensors(), again.tensors()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert again.settings == {"data": "chance"}


def _tables(*weight: int, **others: Tensor) -> dict[str, Tensor]:
    times = torch.arange(weight[0]) / 10
    whole = {"weight": torch.zeros(weight), "bias": torch.zeros(weight[:2])}
    return whole | {"scale": torch.ones(weight[0]), "times": times} | others


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.zeros(1, 2, 4, 1)}, "holds"),
        (_tables(1, 2, 4), "a square of cells"),
        (_tables(1, 2, 4, 3), "a square of cells"),
        (_tables(1, 2, 4, 0), "a square of cells"),
        (_tables(1, 2, 1, 289), "at most 256"),
        (_tables(1, 1, 4, 1), "a square of cells"),
        (_tables(0, 2, 4, 1), "a square of cells"),
        (_tables(2, 2, 4, 1, bias=torch.zeros(2, 3)), r"bias has shape \[2, 3\], not \[2, 2\]"),
        (_tables(2, 2, 4, 1, scale=torch.ones(3)), r"scale has shape \[3\], not \[2\]"),
        (_tables(2, 2, 4, 1, scale=torch.zeros(2)), "scale is not above 0"),
        (_tables(2, 2, 4, 1, times=torch.zeros(2)), "times are not ascending"),
        (_tables(1, 2, 4, 1, weight=torch.zeros(1, 2, 4, 1).half()), "float16"),
        (_tables(1, 2, 4, 1, weight=torch.full((1, 2, 4, 1), torch.nan)), "NaN"),
        (
            _tables(1, 2, 4, 1) | {"state.out.weight": torch.zeros(2, 128)},
            "no classifier of states",
        ),
    ],
)
def test_files_that_are_no_classifier_say_why(tmp_path: Path, tensors, message: str) -> None:
    save_file(tensors, tmp_path / "classifier.safetensors")
    with pytest.raises(ValueError, match=message):
        Classifier.load(tmp_path / "classifier.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: {"conv2.bias": None}, "conv2.bias"),
        (lambda z: {"conv2.bias": torch.zeros(3)}, "conv2.bias"),
        (lambda z: {"out.bias": z["out.bias"] + torch.inf}, "out.bias holds NaN or infinity"),
        (lambda z: {"out.bias": z["out.bias"].half()}, "out.bias is torch.float16"),
        (lambda z: {"more": torch.zeros(1)}, "more"),
    ],
)
def test_broken_classifiers_of_states_say_why(change, message: str) -> None:
    tensors = dict(StateClassifier(1, 3).state_dict())
    changed = tensors | change(tensors)
    with pytest.raises(ValueError, match=message):
        StateClassifier.of({name: z for name, z in changed.items() if z is not None})
