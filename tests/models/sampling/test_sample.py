import pytest
from scipy.stats import ks_2samp

import sureflow
from sureflow.sampling.sample import run, sample


def test_a_longer_request_begins_with_the_shorter_one(unet) -> None:
    few, many = (sample(unet, n=n, seed=3, label=1, steps=4) for n in (4, 16))
    for a, b in zip(few, many, strict=False):
        assert a.data.tobytes() == b.data.tobytes()
        assert a.uncertainty == b.uncertainty


def test_capacity_changes_speed_alone(unet) -> None:
    wide, narrow = (sample(unet, n=9, seed=1, steps=3, capacity=c) for c in (32, 2))
    assert [s.data.tobytes() for s in wide] == [s.data.tobytes() for s in narrow]


def test_samples_follow_the_target(mixture) -> None:
    import torch

    drawn = sample(mixture, n=600, seed=9, steps=30, capacity=64)
    truth = mixture.network.draw(4000, torch.Generator().manual_seed(0)).numpy()
    for axis in (0, 1):
        assert ks_2samp([s.data[axis] for s in drawn], truth[:, axis]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"seed": -1}, "seed"),
        ({"method": "rk5"}, "method"),
        ({"steps": 0}, "steps"),
        ({"label": 2}, "label"),
        ({"guidance": 2.0}, "guidance"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": 1.5}, "tolerance"),
        ({"tolerance": 0.1, "method": "rk4"}, "tolerance"),
        ({"tolerance": 0.1, "min_steps": 0}, "min_steps"),
        ({"tolerance": 0.1, "min_steps": 9, "max_steps": 8}, "max_steps"),
        ({"tolerance": 0.1, "max_steps": 1001}, "max_steps"),
        ({"method": "euler", "parallel": -1}, "parallel"),
        ({"method": "euler", "parallel": 65}, "parallel"),
        ({"method": "heun", "parallel": 4}, "parallel"),
        ({"method": "heun", "parallel": 4, "tolerance": 0.1}, "parallel"),
        ({"method": "euler", "parallel": 4, "parallel_tolerance": -1.0}, "parallel_tolerance"),
        (
            {"method": "euler", "parallel": 4, "parallel_tolerance": float("nan")},
            "parallel_tolerance",
        ),
    ],
)
def test_errors_name_the_argument(mixture, arguments, field) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        sample(mixture, **arguments)


def test_a_name_is_no_model() -> None:
    with pytest.raises(TypeError, match=r"^model: 'fashion' is no model; sureflow\.load"):
        sample("fashion")


def test_progress_reports_every_lane(mixture) -> None:
    from sureflow.families.flow.spec import FlowSpec

    counts = []
    run(mixture, [FlowSpec(0, i, steps=2) for i in range(7)], 3, counts.append)
    assert sum(counts) == 7


def test_public_names() -> None:
    assert sureflow.sample is sample
    with pytest.raises(AttributeError, match="nonsense"):
        _ = sureflow.nonsense
