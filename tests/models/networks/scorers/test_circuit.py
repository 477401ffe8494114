"""The circuit against enumeration: sums, marginals, and the surprise of every component."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from sureflow.evaluation.circuits import train_circuit
from sureflow.networks.scorers.circuit import Circuit, sizes


def states(variables: int, values: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product(range(values), repeat=variables)))


def drawn(variables: int, values: int, seed: int = 0) -> Circuit:
    """Of random weights and orders."""
    chance = torch.Generator().manual_seed(seed)
    wanted = sizes(variables, 3, 4, values)
    tensors = {name: 2 * torch.randn(of, generator=chance) for name, of in wanted.items()}
    places = wanted["order"][1]
    tensors["order"] = torch.stack([torch.randperm(places, generator=chance) for _ in range(3)])
    return Circuit((variables,), 0.5, tensors, {})


CASES = [(1, 2), (2, 3), (3, 4), (8, 2), (5, 3)]


@pytest.mark.parametrize(("variables", "values"), CASES)
def test_all_probabilities_add_up_to_one(variables: int, values: int) -> None:
    circuit, every = drawn(variables, values), states(variables, values)
    total = circuit.log_probability(circuit.indicators(every)).exp().sum()
    assert float(total) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("variables", "values"), CASES)
def test_what_is_left_out_is_summed_over(variables: int, values: int) -> None:
    circuit, every = drawn(variables, values, 1), states(variables, values)
    joint = circuit.log_probability(circuit.indicators(every)).exp()
    known = every[len(every) // 2].clone()
    known[::2] = -1
    matching = ((every == known) | (known < 0)).all(1)
    found = circuit.log_probability(circuit.indicators(known[None])).exp()
    assert float(found) == pytest.approx(float(joint[matching].sum()), rel=1e-12)


@pytest.mark.parametrize(("variables", "values"), CASES)
def test_surprise_is_what_the_others_leave_of_a_component(variables: int, values: int) -> None:
    circuit, every = drawn(variables, values, 2), states(variables, values)
    found = circuit.surprise(every.float()).double()
    joint = circuit.log_probability(circuit.indicators(every))
    for place in range(variables):
        rest = every.clone()
        rest[:, place] = -1
        others = circuit.log_probability(circuit.indicators(rest))
        assert found[:, place].numpy() == pytest.approx((others - joint).numpy(), abs=1e-6)


def test_values_are_read_of_images_and_of_counts() -> None:
    assert drawn(3, 2).read(torch.tensor([[-1.0, 0.5, 0.6]])).tolist() == [[0, 0, 1]]
    assert drawn(3, 4).read(torch.tensor([[0.2, 2.6, 900.0]])).tolist() == [[0, 3, 3]]


def test_training_finds_what_independent_components_cannot(tmp_path: Path) -> None:
    """Six bits, three of them copies of the others: half of the entropy is left."""
    bits = torch.randint(0, 2, (3000, 3), generator=torch.Generator().manual_seed(4))
    data = torch.cat([bits, bits], 1).float()
    circuit = train_circuit(
        data, {}, threshold=0.5, replicas=4, nodes=4, steps=400, seed=1, quiet=True
    )
    assert circuit.settings["independent"] == pytest.approx(0.693, abs=2e-3)
    assert circuit.settings["nats"] < 0.45  # 0.347 is the entropy
    odd = data[:1].clone()
    odd[0, 0] = 1 - odd[0, 0]
    assert float(circuit(odd)) > float(circuit(data[:1])) + 2
    circuit.save(tmp_path / "circuit.safetensors")
    assert torch.equal(Circuit.load(tmp_path / "circuit.safetensors")(data), circuit(data))


def test_other_tensors_are_refused() -> None:
    tensors = drawn(4, 2).tensors()
    wrong = {
        "leaf": torch.full_like(tensors["leaf"], torch.inf),
        "order": torch.zeros_like(tensors["order"]),
        "sum1": tensors["sum1"].double(),
        "mix": tensors["mix"][:-1],
    }
    for name, tensor in wrong.items():
        with pytest.raises(ValueError, match=name):
            Circuit((4,), 0.0, {**tensors, name: tensor}, {})
    with pytest.raises(ValueError, match="holds"):
        Circuit((9,), 0.0, tensors, {})
