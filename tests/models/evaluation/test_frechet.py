import pytest
import torch

from sureflow.evaluation.frechet import frechet_distance


def test_gaussians_with_known_distance() -> None:
    """Diagonal covariances: |mu|^2 + sum (s_a - s_b)^2."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(200_000, 3, generator=generator) * torch.tensor([1.0, 2.0, 0.5])
    b = torch.randn(200_000, 3, generator=generator) * torch.tensor([1.5, 1.0, 0.5]) + 0.2
    expected = 3 * 0.2**2 + 0.5**2 + 1.0**2
    assert frechet_distance(a, b) == pytest.approx(expected, rel=0.02)


def test_a_set_is_at_no_distance_from_itself_and_distance_is_symmetric() -> None:
    a, b = torch.randn(500, 8), torch.randn(500, 8) + 1
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-8)


def test_features_that_are_constant_do_no_harm() -> None:
    a = torch.cat([torch.randn(100, 2), torch.zeros(100, 2)], 1)
    assert frechet_distance(a, a + torch.tensor([0, 0, 1.0, 0])) == pytest.approx(1, rel=1e-6)
