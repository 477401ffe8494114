import pytest
import torch

from sureflow.lane import METHODS
from sureflow.sampling.tableau import STAGES, TABLEAUS, coefficients


@pytest.mark.parametrize("method", METHODS)
def test_order_conditions(method: str) -> None:
    """Butcher's conditions up to the order claimed, and not beyond it."""
    tableau = TABLEAUS[method]
    size = tableau.stages
    a = torch.zeros(size, size, dtype=torch.float64)
    for row, entries in enumerate(tableau.a):
        a[row, : len(entries)] = torch.tensor(entries, dtype=torch.float64)
    b = torch.tensor(tableau.b, dtype=torch.float64)
    c = torch.tensor(tableau.c, dtype=torch.float64)
    assert torch.allclose(a.sum(1), c)
    conditions = {
        1: [(b.sum(), 1)],
        2: [(b @ c, 1 / 2)],
        3: [(b @ c**2, 1 / 3), (b @ a @ c, 1 / 6)],
        4: [
            (b @ c**3, 1 / 4),
            ((b * c) @ a @ c, 1 / 8),
            (b @ a @ c**2, 1 / 12),
            (b @ a @ a @ c, 1 / 24),
        ],
    }
    for order, checks in conditions.items():
        met = all(abs(float(left) - right) < 1e-12 for left, right in checks)
        if order <= tableau.order:
            assert met
        elif order == tableau.order + 1:
            assert not met


def test_stages_are_explicit_and_padded_with_zeros() -> None:
    stacked = coefficients(torch.device("cpu"))
    assert stacked.a.shape == (len(METHODS), STAGES, STAGES)
    assert torch.equal(stacked.a, stacked.a.tril(-1))
    assert stacked.stages.tolist() == [1, 2, 2, 4]
    for index, tableau in enumerate(TABLEAUS.values()):
        assert not stacked.b[index, tableau.stages :].any()
