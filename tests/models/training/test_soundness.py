"""Networks of every convention, made out of one whose velocity is exact."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from stubs import Scripted
from torch import Tensor

from sureflow.core.path import broadcast
from sureflow.networks import GaussianMixture, VelocityNetwork
from sureflow.training.arrays import Arrays
from sureflow.training.soundness import assess, check_finite

EXACT = {
    "modes": GaussianMixture([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]], [0.5, 0.3, 0.2], [0.2] * 3),
    "as the noise": GaussianMixture([[0.0] * 4], [1.0], [1.0]),
    "small": GaussianMixture([[0.3, 0.1]], [1.0], [0.1]),
    "large": GaussianMixture([[0.0]], [1.0], [30.0]),
    "image": GaussianMixture([[-1.0] * 30 + [0.5] * 6], [1.0], [0.3], shape=[1, 6, 6]),
}


def source(exact: GaussianMixture) -> Arrays:
    samples = exact.draw(5000, torch.Generator().manual_seed(1)).float()
    return Arrays(samples, torch.zeros(5000, dtype=torch.long), (), "drawn")


def scripted(exact: GaussianMixture, answer: Callable[..., Tensor]) -> VelocityNetwork:
    """A network that answers ``answer(x, t, v)``, where ``v(t)`` is the exact velocity."""

    def run(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        return answer(x, broadcast(t, x), lambda time: exact(x, time.flatten(), label))

    return Scripted(run, shape=exact.shape)


RIGHT: dict[str, Callable[..., Tensor]] = {
    "exact": lambda x, t, v: v(t),
    "a little off": lambda x, t, v: 1.05 * v(t) + 0.05 * torch.sin(9 * x),
    "trained on times within": lambda x, t, v: v(t.clamp(0.01, 0.99)),
}


@pytest.mark.parametrize("data", EXACT)
@pytest.mark.parametrize("network", RIGHT)
def test_a_velocity_of_the_data_is_not_doubted(data: str, network: str) -> None:
    exact = EXACT[data]
    assert assess(scripted(exact, RIGHT[network]), source(exact)).problem is None


WRONG: dict[str, Callable[..., Tensor]] = {
    "the opposite velocity x0 - x1": lambda x, t, v: -v(t),
    "the velocity x1 - x0 with t reversed (": lambda x, t, v: v(1 - t),
    "the opposite velocity x0 - x1 with t reversed (": lambda x, t, v: -v(1 - t),
    "a prediction of the noise x0": lambda x, t, v: x - t * v(t),
    "a prediction of the noise x0 with t reversed (": lambda x, t, v: x - (1 - t) * v(1 - t),
    "a prediction of the data x1": lambda x, t, v: x + (1 - t) * v(t),
    "a prediction of the data x1 with t reversed (": lambda x, t, v: x + t * v(1 - t),
    "the velocity x1 - x0 with t in 0 .. 1000": lambda x, t, v: v(t / 1000),
    "the opposite velocity x0 - x1 with t reversed, in 0 .. 1000": (
        lambda x, t, v: -v(1 - t / 1000)
    ),
}


@pytest.mark.parametrize("data", ["modes", "image"])
@pytest.mark.parametrize("convention", WRONG)
def test_another_convention_is_named(data: str, convention: str) -> None:
    exact = EXACT[data]
    reason = assess(scripted(exact, WRONG[convention]), source(exact)).problem
    assert reason is not None
    assert f"it seems to be {convention}" in reason
    if "with" not in convention:
        assert f"{convention}:" in reason


NEITHER: dict[str, Callable[..., Tensor]] = {
    "twice": lambda x, t, v: 2 * v(t),
    "half": lambda x, t, v: v(t) / 2,
    "nothing": lambda x, t, v: 0 * x,
    "a constant": lambda x, t, v: torch.ones_like(x),
    "untrained": lambda x, t, v: torch.sin(3 * x + 5 * t),
    "the point": lambda x, t, v: x,
}


@pytest.mark.parametrize("network", NEITHER)
def test_what_is_no_convention_is_doubted_without_a_name(network: str) -> None:
    exact = EXACT["modes"]
    reason = assess(scripted(exact, NEITHER[network]), source(exact)).problem
    assert reason is not None
    assert "nor what any other convention does" in reason


def test_other_data_are_doubted() -> None:
    exact = EXACT["modes"]
    data = source(exact)
    network = scripted(exact, RIGHT["exact"])
    for samples in (data.samples + 3, 3 * data.samples, torch.randn(5000, 2)):
        others = Arrays(samples, data.labels, (), "others")
        assert assess(network, others).problem is not None


@pytest.mark.parametrize(
    ("velocity", "time"),
    [
        (lambda x, t, v: x * (t / (1 - t)).log(), "0"),
        (lambda x, t, v: x / (1 - t), "1"),
        (lambda x, t, v: (x - t * v(t)) / t, "0"),
        (lambda x, t, v: x / (2 * t - 1), "0.5"),
        (lambda x, t, v: torch.where(t == 1, torch.nan, v(t)), "1"),
        (lambda x, t, v: torch.where((t == 1) & (x > 0), -torch.inf, v(t)), "1"),
    ],
)
def test_the_time_is_named_at_which_a_network_is_not_finite(
    velocity: Callable[..., Tensor], time: str
) -> None:
    exact = EXACT["modes"]
    with pytest.raises(ValueError, match=f"^network: .* not finite at t = {time}$"):
        check_finite(scripted(exact, velocity), source(exact))


def test_finite_networks_are_let_pass() -> None:
    for exact in EXACT.values():
        check_finite(exact, source(exact))


def test_a_network_that_raises_is_named() -> None:
    def picky(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        if (t == 0).any():
            raise RuntimeError("log of zero")
        return x

    exact = EXACT["modes"]
    with pytest.raises(ValueError, match=r"^network: cannot be evaluated .* log of zero"):
        check_finite(Scripted(picky), source(exact))


def test_a_network_of_other_times_alone_is_doubted_all_the_same() -> None:
    """One that looks its time up in a table may not have all of them."""

    def table(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        return -x * torch.tensor([1.0, 2.0])[t.long()][:, None]

    assert assess(Scripted(table), source(EXACT["modes"])).problem is not None
