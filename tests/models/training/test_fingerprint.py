import pytest
import torch
from stubs import Scripted

from sureflow.networks import VelocityNetwork
from sureflow.training.arrays import Arrays
from sureflow.training.data import Ring
from sureflow.training.fingerprint import fingerprint
from sureflow.training.mixture import Mixture


def network(factor: float = 1.0) -> VelocityNetwork:
    """Its code says what it answers; it has no weights."""
    return Scripted(lambda x, t, label: factor * x, shape=(2,))


def arrays(value: float = 0.0) -> Arrays:
    samples = torch.zeros(500, 2)
    samples[-1] = value
    return Arrays(samples, torch.zeros(500, dtype=torch.long), (), "the same")


def test_code_and_contents_count_besides_settings() -> None:
    same = fingerprint({"steps": 5}, network(), arrays())
    assert same == fingerprint({"steps": 5}, network(), arrays())
    others = [
        fingerprint({"steps": 6}, network(), arrays()),
        fingerprint({"steps": 5}, network(1.001), arrays()),
        fingerprint({"steps": 5}, network(), arrays(0.1)),
        fingerprint({"steps": 5}, network(), Ring()),
        fingerprint({"steps": 5}, network(), Mixture(2)),
    ]
    assert len({same, *others}) == len(others) + 1


@pytest.mark.parametrize("name", ["first", "second"])
def test_conditions_are_contents(name: str) -> None:
    plain = arrays()
    given = Arrays(plain.samples, plain.labels, (), "the same", {name: torch.zeros(500, 3)})
    assert fingerprint(None, network(), given) != fingerprint(None, network(), plain)
