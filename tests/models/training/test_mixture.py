import pytest
import torch

from sureflow.training.config import DataConfig
from sureflow.training.data import source_of
from sureflow.training.mixture import Mixture


@pytest.mark.parametrize("dimension", [2, 8])
def test_draws_are_those_of_the_exact_network(dimension: int) -> None:
    source = Mixture(dimension)
    x, labels, _ = source.draw(20_000, torch.Generator().manual_seed(0))
    y = source.exact.draw(20_000, torch.Generator().manual_seed(1)).float()
    assert x.shape == (20_000, dimension)
    assert not labels.any()
    assert float((x.mean(0) - y.mean(0)).abs().max()) < 0.06
    assert float((x.T.cov() - y.T.cov()).abs().max()) < 0.03 * float(y.T.cov().max())
    ends = torch.ones(20_000, dtype=torch.float64)
    likely = [source.exact.log_density(z.double(), ends) for z in (x, y)]
    assert float(likely[0].mean()) == pytest.approx(float(likely[1].mean()), abs=0.1)
    assert float(likely[0].std()) == pytest.approx(float(likely[1].std()), rel=0.03)


def test_the_definition_is_the_same_every_time() -> None:
    state = torch.random.get_rng_state()
    first, second = Mixture(8).exact, Mixture(8).exact
    assert torch.equal(first.means, second.means)
    assert torch.equal(first.eigenvalues, second.eigenvalues)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_config_names_the_dimension() -> None:
    assert source_of(DataConfig(name="mixture", dimension=8)) == Mixture(8)
    with pytest.raises(ValueError, match=r"data\.dimension"):
        source_of(DataConfig(name="mixture"))
