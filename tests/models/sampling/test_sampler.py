import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Scripted, model_of

from sureflow.core.family import cost_of
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler

specs = st.builds(
    FlowSpec,
    seed=st.integers(0, 5),
    index=st.integers(0, 3),
    method=st.sampled_from(METHODS),
    steps=st.integers(1, 6),
    label=st.sampled_from([None, 0, 1, 2]),
    guidance=st.sampled_from([1.0, 2.0]),
)


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(specs, st.integers(0, 4), st.sampled_from(["run", "pause", "cancel"])),
        min_size=1,
        max_size=12,
    )
)
def test_a_sample_does_not_depend_on_its_neighbours(unet, arrivals) -> None:
    """Arrivals, departures, pauses and cancellations around a lane leave its bytes alone."""
    sampler = Sampler(unet, capacity=5)
    pending = list(enumerate(arrivals))
    cancelled, results = set(), {}
    while pending or sampler.running or sampler.paused:
        while pending and sampler.free:
            ticket, (spec, wait, fate) = pending.pop(0)
            sampler.admit(ticket, spec)
            for _ in range(wait):
                results.update(sampler.tick().finished)
            if fate == "pause" and ticket not in results:
                sampler.pause([ticket])
            if fate == "cancel" and ticket not in results:
                sampler.cancel([ticket])
                cancelled.add(ticket)
        results.update(sampler.tick().finished)
        if not (sampler.running and sampler.free):
            sampler.resume(range(len(arrivals)))
    assert results.keys() == set(range(len(arrivals))) - cancelled
    for ticket, sample in results.items():
        (alone,) = run(unet, [arrivals[ticket][0]])
        assert sample.data.tobytes() == alone.data.tobytes()
        assert sample.map.tobytes() == alone.map.tobytes()
        assert sample.rate.tobytes() == alone.rate.tobytes()


def test_rows_and_slots_are_counted(mixture) -> None:
    sampler = Sampler(mixture, capacity=3)
    assert (sampler.free, sampler.running, sampler.tick().rows) == (3, 0, 0)
    sampler.admit(10, FlowSpec(0, 0, "euler", 2))
    sampler.admit(11, FlowSpec(0, 1, "heun", 1, label=1, guidance=2.0))
    assert (sampler.free, sampler.running) == (1, 2)
    first = sampler.tick()
    assert first.rows == 3
    assert first.finished == []
    second = sampler.tick()
    assert {ticket for ticket, _ in second.finished} == {10, 11}
    assert sampler.free == 3


def test_a_paused_lane_asks_for_nothing_and_stays_where_it_is(mixture) -> None:
    sampler = Sampler(mixture, capacity=2)
    for ticket in range(2):
        sampler.admit(ticket, FlowSpec(0, ticket, "euler", 4))
    sampler.tick()
    sampler.pause([0])
    assert (sampler.running, sampler.paused, sampler.free) == (1, 1, 0)
    assert [sampler.tick().rows for _ in range(3)] == [1, 1, 1]
    assert sampler.progress() == {0: (1, 0.25)}
    assert sampler.tick().rows == 0
    sampler.resume([0])
    assert sampler.rows_spent == 1
    assert [len(sampler.tick().finished) for _ in range(3)] == [0, 0, 1]


def test_views_are_there_as_soon_as_they_are_recorded(mixture) -> None:
    sampler = Sampler(mixture, capacity=2)
    sampler.admit(4, FlowSpec(0, 0, "euler", 4, watch=(1, 2)))
    sampler.admit(5, FlowSpec(0, 1, "euler", 4))
    seen = []
    for _ in range(3):
        sampler.tick()
        seen.append([view.step for view in sampler.views(4)])
    assert seen == [[], [1], [1, 2]]
    assert sampler.views(5) == ()
    before = sampler.views(4)
    (_, sample), _ = sampler.tick().finished
    assert sample.views == before


def test_a_network_whose_rows_see_each_other_is_refused_before_any_lane() -> None:
    crowd = model_of(Scripted(lambda x, t, label: x - x.mean(0)))
    with pytest.raises(ValueError, match="depends on the rows beside it"):
        Sampler(crowd, capacity=1)


def test_no_lane_is_admitted_over_capacity(mixture) -> None:
    sampler = Sampler(mixture, capacity=1)
    sampler.admit(0, FlowSpec(0, 0))
    with pytest.raises(IndexError):
        sampler.admit(1, FlowSpec(0, 1))


@pytest.mark.parametrize("method", METHODS)
def test_a_lane_on_a_grid_knows_how_many_ticks_it_still_needs(mixture, method) -> None:
    sampler = Sampler(mixture, capacity=2)
    spec = FlowSpec(0, 0, method, steps=4)
    sampler.admit(5, spec)
    for left in range(cost_of(spec).evaluations, 0, -1):
        assert sampler.ticks_left() == {5: left}
        sampler.tick()
    assert sampler.ticks_left() == {}


def test_cancel_frees_the_slot_at_once_and_ignores_strangers(mixture) -> None:
    sampler = Sampler(mixture, capacity=1)
    sampler.admit(7, FlowSpec(0, 0, steps=50))
    sampler.tick()
    sampler.cancel([99, 7])
    assert sampler.free == 1
    sampler.admit(8, FlowSpec(0, 0, "euler", 1))
    ((ticket, sample),) = sampler.tick().finished
    assert ticket == 8
    assert np.isfinite(sample.data).all()
