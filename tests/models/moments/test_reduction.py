import pytest
import torch

from sureflow.moments.reduction import row_sums


@pytest.mark.parametrize("size", [1, 2, 3, 7, 33, 784])
def test_row_sums_are_exact_enough_and_do_not_depend_on_company(size: int) -> None:
    rows = torch.randn(37, size)
    sums = row_sums(rows)
    assert torch.allclose(sums.double(), rows.double().sum(1), atol=1e-4)
    for first, last in ((0, 1), (5, 8), (36, 37)):
        assert torch.equal(row_sums(rows[first:last].clone()), sums[first:last])


def test_all_components_count() -> None:
    assert row_sums(torch.ones(2, 3, 5, 7)).tolist() == [105, 105]
    assert row_sums(torch.ones(0, 3)).tolist() == []
