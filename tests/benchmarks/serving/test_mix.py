from itertools import islice

import numpy as np
import pytest
from stubs import Scripted, model_of

from benchmarks.serving import mix
from benchmarks.serving.offline import decoded, measure
from sureflow.families.flow import FAMILY
from sureflow_server.api.requests import GenerateRequest


def test_the_same_seed_draws_the_same_requests() -> None:
    once, again = (list(islice(mix.draw(7), 200)) for _ in range(2))
    assert once == again
    assert once != list(islice(mix.draw(8), 200))


def test_arrivals_are_poisson_at_unit_rate() -> None:
    times = np.array([request.at for request in islice(mix.draw(1), 4000)])
    gaps = np.diff(times)
    assert (gaps > 0).all()
    assert gaps.mean() == pytest.approx(1, rel=0.05)
    assert gaps.std() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("name", mix.MIXES)
def test_kinds_come_in_their_shares(name: str) -> None:
    kinds = [request.kind for request in islice(mix.draw(1, name), 4000)]
    for kind, share in zip(mix.KINDS, mix.MIXES[name], strict=True):
        assert kinds.count(kind) / len(kinds) == pytest.approx(share, abs=0.02)


def test_every_seed_is_different_in_a_run_and_between_runs() -> None:
    seeds = [request.seed for run in (1, 2) for request in islice(mix.draw(run), 500)]
    assert len(set(seeds)) == len(seeds)


def test_until_takes_those_before_the_end() -> None:
    requests = mix.until(3, 50.0)
    assert requests == list(islice(mix.draw(3), len(requests)))
    assert requests[-1].at < 50 <= next(islice(mix.draw(3), len(requests), None)).at


def test_lanes_and_body_say_the_same() -> None:
    for request in islice(mix.draw(1), 100):
        body = GenerateRequest.model_validate(request.body("fashion"))
        specs = request.specs()
        assert len(specs) == body.n
        for spec in specs:
            assert spec.seed == body.seed
            assert body.condition is not None
            assert spec.label == body.condition.label
            assert spec.guidance == body.guidance.scale
            assert spec.method == body.sampler.method
            assert spec.tolerance == body.sampler.tolerance
            assert body.sampler.steps in (None, spec.steps)


def test_rows_of_a_fixed_grid_are_those_that_the_sampler_counts() -> None:
    model = model_of(Scripted(lambda x, t, label: -x, shape=(1, 4, 4), classes=mix.CLASSES))
    fixed = [request for request in mix.until(1, 40) if request.tolerance is None]
    for request in fixed:
        assert measure(model, [request], 16).rows == {request.seed: request.rows}


def test_deadlines_grow_with_the_work() -> None:
    small, large = sorted(islice(mix.draw(1), 100), key=lambda r: r.rows)[::99]
    assert small.deadline_s(0.003) == pytest.approx(mix.GRACE_S + mix.SLOWDOWN * small.rows * 0.003)
    assert small.deadline_s(0.003) < large.deadline_s(0.003)


def test_measure_keeps_every_sample_of_every_request() -> None:
    model = model_of(Scripted(lambda x, t, label: -x, shape=(1, 4, 4), classes=mix.CLASSES))
    requests = mix.until(1, 10)
    offline = measure(model, requests, 4)
    for request in requests:
        assert offline.arrays[request.seed].shape == (request.n, 1, 4, 4)
        assert len(offline.images[request.seed]) == request.n
    assert offline.capacity == pytest.approx(len(requests) / offline.seconds)
    assert offline.row_s == pytest.approx(offline.seconds / sum(offline.rows.values()))


def test_decoded_gives_the_bytes_of_an_array() -> None:
    array = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    assert decoded(FAMILY.codec.encode(array, "npy")) == array.tobytes()
