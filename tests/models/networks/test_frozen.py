"""A module that knows nothing of this library gets its confidence."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional

from sureflow.networks import FrozenVelocity, GaussianMixture
from sureflow.training.loss import variance
from sureflow.training.points import Points


class Plain(nn.Module):
    """A user's perceptron; its final layer lies a level down."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, width), nn.SiLU(), nn.Linear(width, width))
        self.tail = nn.ModuleDict({"out": nn.Linear(width, 2)})

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        h = nn.functional.silu(self.body(torch.cat([x, t[:, None]], -1)))
        out: Tensor = self.tail["out"](h)
        return out


class Conditional(nn.Module):
    """A user's network for images: with a label, dropout, and a pixel shuffle at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.label = nn.Embedding(4, 8)
        self.stem = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Conv2d(8, 4, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        h = self.stem(x) + (self.label(label) * t[:, None])[..., None, None]
        out: Tensor = self.shuffle(self.head(self.drop(torch.tanh(h))))
        return out


class Tokens(nn.Module):
    """A user's network whose final linear layer reads ``[B, H, W, C]``."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(1, 8)
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(self.stem(x) + t[:, None, None, None]))
        return out


class Finished(nn.Module):
    """Something that happens to the output of the final layer."""

    def __init__(self, finish: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.finish = finish

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.finish(self.head(x))


def _image() -> FrozenVelocity:
    torch.manual_seed(0)
    return FrozenVelocity(Conditional(), "head", (1, 6, 6), classes=3, floor=0.0)


def test_mean_is_bitwise_the_wrapped_module() -> None:
    torch.manual_seed(0)
    module = Plain()
    frozen = FrozenVelocity(module, "tail.out", (2,))
    x, t = torch.randn(5, 2), torch.rand(5)
    assert torch.equal(frozen(x, t), module(x, t))
    assert torch.equal(frozen.moments(x, t).mean, module(x, t))


def test_head_variance_is_exact() -> None:
    torch.manual_seed(0)
    module = Plain().double()
    frozen = FrozenVelocity(module, "tail.out", (2,), floor=0.0).double()
    x, t = torch.randn(5, 2).double(), torch.rand(5).double()
    h = nn.functional.silu(module.body(torch.cat([x, t[:, None]], -1)))
    # A fresh noise layer has alpha 0.1 everywhere.
    expected = (0.1 * h.square()) @ module.tail["out"].weight.square().T
    torch.testing.assert_close(frozen.moments(x, t).variance, expected, rtol=1e-6, atol=0)


def test_image_variance_is_shuffled_like_the_image() -> None:
    frozen = _image()
    module = frozen.network
    assert isinstance(module, Conditional)
    x, t, label = torch.randn(4, 1, 6, 6), torch.rand(4), torch.tensor([0, 1, 2, 3])
    out = frozen.moments(x, t, label)
    assert torch.equal(out.mean, module(x, t, label=label))
    h = torch.tanh(module.stem(x) + (module.label(label) * t[:, None])[..., None, None])
    head = nn.functional.conv2d(0.1 * h.square(), module.head.weight.square(), padding=1)
    torch.testing.assert_close(out.variance, nn.functional.pixel_shuffle(head, 2))


def test_linear_layer_on_a_grid_of_channels() -> None:
    torch.manual_seed(0)
    module = Tokens()
    frozen = FrozenVelocity(module, "head", (4, 5, 1), floor=0.0)
    x, t = torch.randn(3, 4, 5, 1), torch.rand(3)
    out = frozen.moments(x, t)
    h = torch.tanh(module.stem(x) + t[:, None, None, None])
    torch.testing.assert_close(out.variance, (0.1 * h.square()) @ module.head.weight.square().T)


def test_label_is_passed_where_there_are_classes() -> None:
    frozen = _image()
    x, t = torch.randn(4, 1, 6, 6), torch.rand(4)
    null = torch.full((4,), 3)
    assert torch.equal(frozen(x, t), frozen.network(x, t, label=null))
    assert not torch.equal(frozen(x, t), frozen(x, t, torch.zeros_like(null)))


def test_wrapped_module_stays_in_evaluation_mode() -> None:
    frozen = _image().train()
    assert frozen.noise["final"].training
    assert not frozen.network.training
    x, t = torch.randn(4, 1, 6, 6), torch.rand(4)
    assert torch.equal(frozen(x, t), frozen(x, t))


def test_gradient_of_the_velocity_still_flows_to_its_input() -> None:
    torch.manual_seed(0)
    frozen = FrozenVelocity(Plain(), "tail.out", (2,))
    x = torch.randn(3, 2, requires_grad=True)
    frozen(x, torch.rand(3)).sum().backward()
    assert x.grad is not None
    assert x.grad.any()


def test_no_hook_stays_behind_even_after_an_error() -> None:
    torch.manual_seed(0)
    module = Plain()
    frozen = FrozenVelocity(module, "tail.out", (2,))
    frozen.moments(torch.randn(3, 2), torch.rand(3))
    with pytest.raises(RuntimeError):
        frozen.moments(torch.randn(3, 5), torch.rand(3))
    assert not module.tail["out"]._forward_hooks


def test_threads_do_not_see_each_others_activations() -> None:
    torch.manual_seed(0)
    frozen = FrozenVelocity(Plain(64), "tail.out", (2,))
    inputs = [(torch.randn(8 + i, 2), torch.rand(8 + i)) for i in range(4)]
    expected = [frozen.moments(x, t).variance for x, t in inputs]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _ in range(50):
            found = frozen.moments(*inputs[index]).variance
            if found is None or not torch.equal(found, expected[index]):  # type: ignore[arg-type]
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_variance_is_learned_and_nothing_else_moves() -> None:
    """The residual of the frozen velocity is heteroscedastic, and its exact variance is known."""
    torch.manual_seed(0)
    mixture = GaussianMixture([[1.5, 1.0], [-1.5, 0.5], [0.0, -1.5]], [0.5, 0.3, 0.2], [0.3] * 3)
    generator = torch.Generator().manual_seed(0)

    def batch(count: int = 512) -> tuple[Tensor, Tensor, Tensor]:
        x1 = mixture.draw(count, generator).float()
        x0 = torch.randn(count, 2, generator=generator)
        t = torch.rand(count, generator=generator)
        return (1 - t[:, None]) * x0 + t[:, None] * x1, t, x1 - x0

    module = Plain(64)
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(600):
        x, t, u = batch()
        optimizer.zero_grad()
        (module(x, t) - u).square().mean().backward()
        optimizer.step()

    module.zero_grad()
    frozen = FrozenVelocity(module, "tail.out", (2,), embedding=32)
    before = copy.deepcopy(module.state_dict())
    optimizer = torch.optim.Adam(frozen.noise_parameters(), 3e-3)
    for _ in range(500):
        x, t, u = batch()
        optimizer.zero_grad()
        variance(frozen, Points(x, t, u, torch.zeros(512, dtype=torch.long), {}))
        optimizer.step()

    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(p.grad is None for p in frozen.velocity_parameters())
    x, t, u = batch(8000)
    found = frozen.moments(x, t).variance
    exact = mixture.moments(x, t).variance
    assert found is not None
    assert exact is not None
    found = found.detach()
    assert spearmanr(found.sum(1), exact.sum(1)).statistic > 0.85
    # The network is not perfect: its variance covers its own error, too, so compare with that.
    standardised = (u - frozen(x, t)).square() / found
    assert float(standardised.mean()) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    ("final", "message"),
    [
        ("tail.in", "no layer named 'tail.in'"),
        ("body.1", "'body.1' is a SiLU; expected a Linear or Conv2d"),
        ("body.0", "output is not that of 'body.0'"),
    ],
)
def test_final_layer_must_be_the_final_layer(final: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrozenVelocity(Plain(), final, (2,))


@pytest.mark.parametrize(
    "finish",
    [
        lambda h: 2 * h,
        lambda h: h.mul_(2),
        lambda h: h + 1,
        lambda h: h.relu(),
        lambda h: h.abs(),
        lambda h: h.clamp(-5, 5),
        lambda h: h.roll(1, 0),
        lambda h: h + h.flip(1),
        lambda h: h.sort(1).values,
        lambda h: h / h.new_zeros(()),
    ],
)
@pytest.mark.parametrize("zero", [False, True])
def test_a_finish_that_changes_values_is_refused(
    finish: Callable[[Tensor], Tensor], zero: bool
) -> None:
    """Even where a layer initialised to zero would hide it."""
    torch.manual_seed(0)
    module = Finished(finish)
    if zero:
        nn.init.zeros_(module.head.weight)
        nn.init.zeros_(module.head.bias)
    with pytest.raises(ValueError, match="output is not that of 'head'"):
        FrozenVelocity(module, "head", (2,))


@pytest.mark.parametrize(
    ("finish", "entry_order"),
    [
        (lambda h: h, (0, 1)),
        (lambda h: -h, (0, 1)),
        (lambda h: h.flip(1), (1, 0)),
        (lambda h: h.flip(1).neg_(), (1, 0)),
        (lambda h: h[:, :1].expand(-1, 2), (0, 0)),
        (lambda h: h[:, 1:].repeat(1, 2).nan_to_num(), (1, 1)),
    ],
)
def test_variance_follows_its_entry(
    finish: Callable[[Tensor], Tensor], entry_order: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    module = Finished(finish)
    frozen = FrozenVelocity(module, "head", (2,), floor=0.0)
    x, t = torch.randn(5, 2), torch.rand(5)
    out = frozen.moments(x, t)
    assert torch.equal(out.mean, module(x, t))
    expected = (0.1 * x.square()) @ module.head.weight.square().T
    torch.testing.assert_close(out.variance, expected[:, entry_order])


def test_entries_are_followed_through_patches_of_a_large_image() -> None:
    """More entries than one digit can count, put together as a patch transformer does it."""

    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(12, 24)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            patches = x.reshape(len(x), 3, 20, 2, 20, 2).permute(0, 2, 4, 3, 5, 1)
            velocity, _ = self.head(patches.reshape(len(x), 400, 12)).chunk(2, -1)
            grid = velocity.reshape(len(x), 20, 20, 2, 2, 3).permute(0, 5, 1, 3, 2, 4)
            return grid.reshape(x.shape)

    torch.manual_seed(0)
    module = Patches()
    frozen = FrozenVelocity(module, "head", (3, 40, 40), floor=0.0)
    x, t = torch.randn(3, 3, 40, 40), torch.rand(3)
    out = frozen.moments(x, t)
    assert torch.equal(out.mean, module(x, t))
    squared = Patches()
    with torch.no_grad():
        squared.head.weight.copy_(0.1 * module.head.weight.square())
        squared.head.bias.zero_()
    torch.testing.assert_close(out.variance, squared(x.square(), t))


def test_weights_are_checked_when_they_are_loaded() -> None:
    """A gate that is shut on construction, and open in the weights, lets something else through."""

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 2)
            self.gate = nn.Parameter(torch.zeros(()))

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = self.head(x) + self.gate * x
            return out

    frozen = FrozenVelocity(Gated(), "head", (2,))
    with pytest.raises(ValueError, match="output is not that of 'head'"):
        frozen.load_state_dict({**frozen.state_dict(), "network.gate": torch.ones(())})


def test_structure_alone_needs_no_storage() -> None:
    with torch.device("meta"):
        empty = FrozenVelocity(Conditional(), "head", (1, 6, 6), classes=3)
    real = _image().state_dict()
    assert {n: v.shape for n, v in empty.state_dict().items()} == {
        n: v.shape for n, v in real.items()
    }


def test_null_label_must_be_understood() -> None:
    with pytest.raises(ValueError, match=r"network: cannot evaluate .*labels 0 and 4 \(none\)"):
        FrozenVelocity(Conditional(), "head", (1, 6, 6), classes=4)


def test_shape_must_be_that_of_the_output() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 3)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = self.head(x)
            return out

    with pytest.raises(ValueError, match="shape: the network maps"):
        FrozenVelocity(Wide(), "head", (2,))


def test_final_layer_must_run_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 2)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = self.head(self.head(x))
            return out

    with pytest.raises(ValueError, match="ran 2 times"):
        FrozenVelocity(Twice(), "head", (2,))


class Shuffled(nn.Module):
    """Convolutions whose last layer gives squares of four pixels. It knows some widths."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.widths = widths
        self.head = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        if x.shape[-1] not in self.widths:
            raise RuntimeError("no place for these")
        h = self.head(functional.pixel_unshuffle(x, 2))
        return functional.pixel_shuffle(h, 2)


def test_entries_are_followed_at_every_shape() -> None:
    torch.manual_seed(0)
    module, shapes = Shuffled(4, 8), [(1, 4, 4), (1, 6, 8)]
    frozen = FrozenVelocity(module, "head", shapes[0], floor=0.0, shapes=shapes)
    for shape in shapes:
        x, t = torch.randn(3, *shape), torch.rand(3)
        out = frozen.moments(x, t)
        assert torch.equal(out.mean, module(x, t))
        assert out.variance is not None
        noisy = (0.1 * functional.pixel_unshuffle(x, 2).square()).flatten(2)
        squares = module.head.weight[..., 0, 0].square() @ noisy
        expected = functional.pixel_shuffle(squares.reshape(3, 4, shape[1] // 2, -1), 2)
        torch.testing.assert_close(out.variance, expected)


def test_a_shape_that_it_cannot_be_evaluated_at_is_named() -> None:
    shapes = [(1, 4, 4), (1, 4, 6)]
    with pytest.raises(ValueError, match=r"samples of shape \[1, 4, 6\]: no place for these"):
        FrozenVelocity(Shuffled(4, 8), shape=shapes[0], variance="none", shapes=shapes)
