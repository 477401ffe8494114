import torch
from stubs import Scripted

from sureflow.core.card import Condition
from sureflow.networks import VelocityNetwork
from sureflow.training.arrays import Arrays
from sureflow.training.points import Points


def network(null_label: bool) -> VelocityNetwork:
    made = Scripted(lambda x, t, label: x, shape=(2,), classes=3)
    made.null_label = null_label
    made.conditions = {"text": Condition("text", (4, 3), null=-1.0)}
    return made


def points(null_label: bool) -> tuple[Points, torch.Tensor]:
    numbers = torch.arange(5.0)
    texts = numbers[:, None, None].expand(-1, 4, 3).contiguous()
    samples = numbers[:, None].expand(-1, 2).contiguous()
    source = Arrays(samples, torch.arange(5) % 3, ("a", "b", "c"), "", {"text": texts})
    drawn = source.draw(64, torch.Generator().manual_seed(0))
    free = torch.arange(64) < 16
    x0 = torch.zeros_like(drawn.samples)
    return Points.between(x0, drawn, torch.full((64,), 0.5), free, network(null_label)), free


def test_a_condition_stays_with_its_sample_and_is_null_where_it_is_free() -> None:
    at, free = points(null_label=True)
    assert torch.equal(at.x, at.u / 2)
    assert (at.given["text"][free] == -1).all()
    assert torch.equal(at.given["text"][~free][:, 3, 2], at.u[~free][:, 0])
    assert (at.label[free] == 3).all()
    assert torch.equal(at.label[~free], at.u[~free][:, 0].long() % 3)


def test_a_label_that_is_needed_stays() -> None:
    at, free = points(null_label=False)
    assert torch.equal(at.label[free], at.u[free][:, 0].long() % 3)
    assert (at.given["text"][free] == -1).all()
