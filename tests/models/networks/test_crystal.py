"""The velocity of crystals: its symmetries, its variance, and rows that do not see each other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sureflow.core.crystal import CELL, SCALE
from sureflow.moments import Moments
from sureflow.networks import build
from sureflow.networks.crystal import CrystalNetwork, centred
from sureflow.networks.crystal_state import displacement, metric, noise_of, start

SMALL = {"kind": "crystal", "atoms": [2, 3, 4, 5], "width": 32, "layers": 2, "embedding": 32}


def network() -> CrystalNetwork:
    torch.manual_seed(0)
    made = build(SMALL).double().eval()
    assert isinstance(made, CrystalNetwork)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    return made


def rows(n: int, count: int = 5, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """States, times and compositions."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, CELL + n, 3, generator=generator, dtype=torch.float64)
    t = torch.rand(count, generator=generator, dtype=torch.float64)
    return x, t, torch.randint(1, 90, (count, n), generator=generator).double()


def answers(of: CrystalNetwork, x: Tensor, t: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        out = of.moments(x, t, composition=z)
    assert out.variance is not None
    return out.mean, out.variance


@given(st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_it_is_permuted_as_the_atoms_are(n: int, seed: int) -> None:
    x, t, z = rows(n, seed=seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    moved = torch.cat([x[:, :CELL], x[:, CELL:][:, order]], 1)
    of = network()
    for plain, other in zip(answers(of, x, t, z), answers(of, moved, t, z[:, order]), strict=True):
        torch.testing.assert_close(other[:, :CELL], plain[:, :CELL])
        torch.testing.assert_close(other[:, CELL:], plain[:, CELL:][:, order])


@given(st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_it_does_not_change_if_all_atoms_move_or_one_by_a_lattice_vector(n: int, seed: int) -> None:
    """But for images farther away than those that are counted, which others take the place of."""
    x, t, z = rows(n, seed=seed)
    moved = x.clone()
    moved[:, CELL:] += torch.randn(3, generator=torch.Generator().manual_seed(seed)).double()
    moved[:, CELL] += SCALE * torch.tensor([1.0, -2.0, 3.0])
    of = network()
    for plain, other in zip(answers(of, x, t, z), answers(of, moved, t, z), strict=True):
        torch.testing.assert_close(other, plain, atol=1e-5, rtol=1e-5)


def test_the_coordinates_do_not_move_as_a_whole() -> None:
    mean, _ = answers(network(), *rows(4))
    torch.testing.assert_close(mean[:, CELL:].sum(1), torch.zeros(5, 3).double())


def test_the_metric_is_that_of_the_six_numbers() -> None:
    from sureflow.core.cell import lattice_of

    x = rows(2)[0]
    for found, state in zip(metric(x), x, strict=True):
        lattice = torch.from_numpy(lattice_of(state[:CELL].flatten().numpy()))
        torch.testing.assert_close(found, lattice @ lattice.T, rtol=1e-5, atol=1e-5)


def test_variance_less_the_mean_is_that_of_draws() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, variance = (
        torch.randn(1, 4, 3, generator=generator),
        torch.rand(1, 4, 3, generator=generator),
    )
    noise = torch.randn(200_000, 4, 3, generator=generator)
    drawn = mean + variance.sqrt() * noise
    found = centred(Moments(mean, variance))
    drawn = drawn - drawn.mean(1, keepdim=True)
    assert found.variance is not None
    torch.testing.assert_close(found.mean[0], drawn.mean(0), atol=0.01, rtol=0)
    torch.testing.assert_close(found.variance[0], drawn.var(0), rtol=0.02, atol=0)


def test_a_row_has_the_bits_that_it_has_alone() -> None:
    of = build(SMALL).eval()
    x, t, z = (part.float() for part in rows(3, 12))
    with torch.inference_mode():
        whole = of.moments(x, t, composition=z)
        for row in range(12):
            one = slice(row, row + 1)
            alone = of.moments(x[one], t[one], composition=z[one])
            assert torch.equal(alone.mean, whole.mean[one])
            assert alone.variance is not None
            assert whole.variance is not None
            assert torch.equal(alone.variance, whole.variance[one])


def test_a_composition_that_is_not_given_is_null() -> None:
    of = network()
    x, t, z = rows(3)
    with torch.no_grad():
        assert torch.equal(of(x, t), of(x, t, composition=torch.zeros_like(z)))
        assert not torch.equal(of(x, t), of(x, t, composition=z))


def test_a_path_begins_at_the_noise_but_for_a_movement_and_an_order_of_equal_atoms() -> None:
    x, data = rows(4, 200)[0], rows(4, 200, seed=1)[0]
    species = torch.tensor([[3.0, 9, 9, 9]]).expand(200, -1)
    begin = start(x, data, species)
    assert torch.equal(begin[:, :CELL], x[:, :CELL])
    torch.testing.assert_close((data - begin)[:, CELL:].mean(1), torch.zeros(200, 3).double())
    # The same crystal, moved as a whole: its first atom is alone of its element.
    moved = (begin - begin[:, CELL : CELL + 1] + x[:, CELL : CELL + 1])[:, CELL:]
    apart = (moved[:, :, None] - x[:, None, CELL:]) / SCALE
    reached = ((apart - apart.round()).abs() < 1e-9).all(3)
    assert (reached.sum(1) == 1).all()
    assert reached[:, 0, 0].all()


def test_the_way_of_an_order_that_is_given_is_no_longer_than_image_by_image() -> None:
    x = rows(4, 200)[0][:, CELL:]
    way, nearest = displacement(x), x - SCALE * (x / SCALE).round()
    torch.testing.assert_close(way.mean(1), torch.zeros(200, 3).double())
    nearest = nearest - nearest.mean(1, keepdim=True)
    assert (way.square().sum((1, 2)) <= nearest.square().sum((1, 2)) + 1e-9).all()


def test_noise_has_unit_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (4000, CELL + 3, 3)
    noise = noise_of(
        torch.randn(shape, generator=generator), torch.rand(shape, generator=generator)
    )
    torch.testing.assert_close(noise.var(0), torch.ones(shape[1:]), atol=0.1, rtol=0)
    assert noise[:, CELL:].abs().max() <= SCALE / 2


@pytest.mark.parametrize(
    ("change", "field"),
    [({"atoms": []}, "atoms"), ({"atoms": [0]}, "atoms"), ({"renoised": [1.0]}, "renoised")],
)
def test_arguments_are_checked(change: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        build({**SMALL, **change})
