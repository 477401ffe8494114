"""Read-outs learn what they are made to, and a pool holds what the server reads."""

import pytest
import torch
from torch import Tensor

from benchmarks.truth.foretelling import fragment, learned, per_class, ridge
from benchmarks.truth.pool import HEARD, TIMES, Pool, drawn_pool, in_patches
from sureflow.checkpoint import load


def pool(count: int, seed: int, bent: float = 0.0, shared: bool = True) -> tuple[Pool, Tensor]:
    """Features, and scores that are linear in them, with an offset for each of two classes."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 6, generator=generator)
    labels = torch.arange(count) // 10 % 2
    weight = torch.tensor([[1.0, -1.0, 0.5, 0, 0, 0], [1.0, -1.0, 0.5, 0, 0, 0]])
    weight[1] *= 1 if shared else -1
    final = (x * weight[labels]).sum(1) + bent * x[:, 0].square() + 100 * labels
    empty = torch.zeros(count, 1)
    return Pool(labels, final.double(), empty, empty, empty), x


def test_a_ridge_finds_what_is_linear() -> None:
    fit, test = pool(400, 1), pool(200, 2)
    told, crossed = ridge(fit, test)
    assert test[0].correlation(told) > 0.99
    assert fit[0].correlation(crossed) > 0.99


def test_where_classes_differ_each_needs_its_own() -> None:
    fit, test = pool(400, 1, shared=False), pool(200, 2, shared=False)
    assert abs(test[0].correlation(ridge(fit, test)[0])) < 0.4
    assert test[0].correlation(per_class(fit, test)) > 0.99


@pytest.mark.parametrize("pairs", [False, True])
def test_a_network_finds_what_is_not_linear(pairs: bool) -> None:
    fit, test = pool(1000, 1, bent=3), pool(200, 2, bent=3)
    linear = test[0].correlation(ridge(fit, test)[0])
    assert test[0].correlation(learned(fit, test, hidden=True, pairs=pairs)) > linear + 0.2
    assert abs(test[0].correlation(learned(fit, test, hidden=False, pairs=pairs)) - linear) < 0.1


def test_patches_are_pooled_apart() -> None:
    hidden = torch.zeros(1, 1, 4, 4)
    hidden[..., :2, 2:] = torch.tensor([[1.0, 3.0], [1.0, 3.0]])
    assert in_patches(hidden).tolist() == [[0, 2, 0, 0, 0, 1, 0, 0]]


def test_the_foresight_reads_the_moments_of_the_pool() -> None:
    model = load("fashion")
    found = drawn_pool(model, 4, 5)
    foresight = model.network.foresight
    assert foresight is not None
    for t in TIMES:
        place = HEARD.index(t)
        said = foresight.read(found.moments[:, place], torch.full((4,), t), found.labels)
        assert said.tolist() == pytest.approx(found.running[:, place, 1].tolist(), abs=1e-3)
    assert found.patches.shape == (4, 3, 4 * 256)


def test_the_page_has_a_row_for_each_read_out() -> None:
    figures = {"foretelling: draws to fit by": 3000, "foretelling: draws to compare on": 600}
    figures |= {f"foretelling, ridge: t = {t}": t for t in TIMES}
    assert "| ridge | 0.200 | 0.400 | 0.600 |" in fragment(figures)
