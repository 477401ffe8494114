"""What the benchmark notes of finished lanes comes to what halving does."""

from __future__ import annotations

from stubs import model_of

from benchmarks.halving import TIMES, best, climb, halved
from sureflow.core.halving import halve
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.halved import run_halved
from sureflow.sampling.sample import run


def test_notes_of_finished_lanes_tell_who_would_have_gone_on() -> None:
    net = GaussianMixture([[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]], [0.5, 0.3, 0.2], [0.3, 0.2, 0.4])
    model = model_of(net)
    specs = [FlowSpec(1, index, scores=("propagated",)) for index in range(12)]
    lanes = climb(model, specs, capacity=5)
    assert [lane.whole.data.tobytes() for lane in lanes] == [
        sample.data.tobytes() for sample in run(model, specs)
    ]
    assert [round(parked.t, 9) for parked in lanes[0].parked] == [*TIMES]
    halving = halve(12, 3)
    (made,) = run_halved(model, [specs], halving)
    left, spent = halved(lanes, halving)
    assert left == [number for number, sample in enumerate(made) if sample.rung is None]
    assert spent == sum(sample.evaluations for sample in made)
    assert {*best(lanes, left)} <= {*left}
