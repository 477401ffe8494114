"""The perceptron of counts, and the table of known ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sureflow.networks.count_mlp import CountMLP
from sureflow.networks.count_table import CountTable

SMALL: dict[str, Any] = {"components": ["a", "b", "c"], "most": 7, "classes": 2, "width": 32}


def inputs(rows: int = 9) -> tuple[torch.Tensor, ...]:
    drawn, number = torch.Generator().manual_seed(0), torch.arange(rows)
    return torch.randint(0, 8, (rows, 3), generator=drawn), number / rows, number % 3


def test_it_gives_probabilities_of_ends_that_can_be() -> None:
    torch.manual_seed(0)
    network = CountMLP(**SMALL, source="uniform", mean=1.0).eval()
    with torch.no_grad():
        p = network(*inputs()).exp()
        sure = network(torch.tensor([[3, 0, 7]]), torch.tensor([1.0]), torch.tensor([0])).exp()
    assert torch.allclose(p.sum(2), torch.ones(9, 3))
    assert sure.argmax(2).tolist() == [[3, 0, 7]]
    assert sure.amax(2).min() > 0.999, "at t = 1 the state is the end"


@pytest.mark.parametrize("parts", [1, 3])
def test_rows_are_evaluated_alone(parts: int) -> None:
    torch.manual_seed(0)
    network, (x, t, label) = CountMLP(**SMALL, parts=parts).eval(), inputs()
    torch.nn.init.normal_(network.output.weight)
    with torch.no_grad():
        whole = network(x, t, label)
        for rows in (1, 2, 5):
            assert torch.equal(network(x[:rows], t[:rows], label[:rows]), whole[:rows])
    assert not torch.equal(whole, network(x, t, 2 - label))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"components": []}, "components"),
        ({"components": ["a", "a"]}, "components"),
        ({"classes": -1}, "classes"),
        ({"width": 0}, "width"),
        ({"width": 40}, "width"),
        ({"layers": 0}, "layers"),
        ({"parts": 0}, "parts"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_arguments_that_do_not_fit_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CountMLP(**{**SMALL, **change})


def test_several_terms_have_several_peaks() -> None:
    torch.manual_seed(0)
    network = CountMLP(["a"], 300, source="uniform", mean=1.0, width=32, parts=3).eval()
    network.output.bias.data.view(1, 3, 6)[0, :, 5] = torch.tensor([-60.0, 0.0, -19.9])
    with torch.no_grad():
        p = network(torch.tensor([[150]]), torch.tensor([0.0]), torch.tensor([0])).exp()[0, 0]
    higher = (p[1:-1] > p[:-2]) & (p[1:-1] > p[2:])
    peaks = higher.nonzero().flatten() + 1
    assert [round(float(peak) / 100) for peak in peaks] == [1, 2]


def test_a_table_is_bayes() -> None:
    """Two vectors, one of which the state rules out by its second count."""
    table = CountTable([[2, 0], [2, 5]], [0.5, 0.5], source="poisson", mean=0.5)
    t, none = torch.tensor([0.9]), torch.tensor([0])
    p = table(torch.tensor([[2, 4]]), t, none).exp()
    assert p[0, 0, 2] == pytest.approx(1)
    assert p[0, 1, 5] > 0.99
    with pytest.raises(ValueError, match="weights"):
        CountTable([[1]], [0.0])
    with pytest.raises(ValueError, match="rows"):
        CountTable([[-1]], [1.0])
    with pytest.raises(ValueError, match="most: a row has 3"):
        CountTable([[3]], [1.0], most=2)
