"""The critic's certificate is never violated; its file is checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sureflow.evaluation.criticising import train_critic
from sureflow.networks.scorers.critic import Critic


def trained(shape: tuple[int, ...], steps: int = 60) -> Critic:
    drawn = torch.Generator().manual_seed(0)
    real = torch.randn(400, *shape, generator=drawn)
    made = 0.7 * torch.randn(400, *shape, generator=drawn) + 0.5
    return train_critic(real, made, {}, width=8, steps=steps, quiet=True)


@pytest.fixture(scope="module")
def critic() -> Critic:
    return trained((1, 8, 8))


@torch.inference_mode()
def test_a_hundred_thousand_pairs_keep_to_the_certificate(critic: Critic) -> None:
    """Far ones and near ones, and ones along the steepest way."""
    drawn, worst = torch.Generator().manual_seed(1), 0.0
    for number in range(20):
        x = torch.randn(5000, 1, 8, 8, generator=drawn) * 2
        away = torch.randn(5000, 1, 8, 8, generator=drawn) * 10 ** (-number / 8)
        y = x + away
        moved = (x - y).double().flatten(1).norm(dim=1)
        apart = (critic(x) - critic(y)).double().abs()
        assert (apart <= moved + 1e-5).all()
        if number < 8:
            worst = max(worst, float((apart / moved).max()))
    assert 0.02 < worst <= 1


def test_the_gradient_is_no_steeper(critic: Critic) -> None:
    x = torch.randn(500, 1, 8, 8, generator=torch.Generator().manual_seed(2)).requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x)
    steepest = float(slope.flatten(1).norm(dim=1).max())
    assert 0.1 < steepest <= 1 + 1e-5


def test_a_linear_critic_is_as_steep_as_it_may_be() -> None:
    """Layers that are orthogonal: the bound is reached."""
    critic, signs = Critic((2,), 2, {}), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    zero = torch.zeros(2)
    critic.put([(3 * signs, zero), (5 * signs, zero), (torch.tensor([[1.0, 0.0]]), zero[:1])])
    assert float(critic.bound) == pytest.approx(15)
    far = critic(torch.tensor([[2.0, -9.0], [1.0, -9.0]]))
    assert float(far[1] - far[0]) == pytest.approx(1)


def test_training_comes_to_layers_of_norm_one_that_tell_apart(critic: Critic) -> None:
    assert critic.norms() == pytest.approx([1.0] * 4, rel=1e-5)
    assert critic.settings["auroc"] > 0.9
    drawn = torch.Generator().manual_seed(3)
    real, made = torch.randn(2, 200, 1, 8, 8, generator=drawn)
    assert critic(real).mean() < critic(0.7 * made + 0.5).mean()


def test_what_it_says_does_not_depend_on_a_bound_in_the_file(
    critic: Critic, tmp_path: Path
) -> None:
    critic.save(tmp_path / "critic.safetensors")
    again = Critic.load(tmp_path / "critic.safetensors")
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    assert torch.equal(again(x), critic(x))
    doubled = Critic((1, 8, 8), 8, {})
    doubled.put([(2 * weight, bias) for weight, bias in critic.layers])
    assert float(doubled.bound) == pytest.approx(16 * float(critic.bound))


def test_vectors_have_layers_of_their_own() -> None:
    critic = trained((3,), steps=5)
    assert [len(size) for size in critic.sizes()] == [2, 2, 2]
    assert critic(torch.zeros(2, 3)).shape == (2,)


@pytest.mark.parametrize("wrong", ["nan", "zero", "shape"])
def test_other_tensors_are_refused(wrong: str) -> None:
    critic = Critic((2,), 2, {})
    layers = [(torch.ones(of), torch.zeros(of[0])) for of in critic.sizes()]
    if wrong == "nan":
        layers[0][0][0, 0] = torch.nan
    elif wrong == "zero":
        layers[1][0].zero_()
    else:
        layers[0] = (torch.ones(3, 2), torch.zeros(3))
    with pytest.raises(ValueError, match=r"NaN|bound is 0|holds"):
        critic.put(layers)
