import numpy as np
import pytest
from stubs import Scripted, model_of

from benchmarks.serving import mix
from benchmarks.serving.offline import decoded
from benchmarks.serving.peers import lanes
from sureflow.sampling.sample import run


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> lanes.Generator:
    network = Scripted(lambda x, t, label: -x, shape=(1, 4, 4), classes=mix.CLASSES)
    monkeypatch.setattr(lanes, "load", lambda name: model_of(network))
    return lanes.Generator("test", 4)


def test_peers_make_the_lanes_that_the_library_makes_of_a_request() -> None:
    for request in mix.until(1, 50):
        assert lanes.specs(request.body("fashion")) == request.specs()


def test_a_batch_gives_everybody_their_own_samples(generator: lanes.Generator) -> None:
    requests = mix.until(1, 8)
    answers = generator.answer([request.body("test", "npy") for request in requests])
    for request, answer in zip(requests, answers, strict=True):
        alone = run(generator.model, request.specs())
        sent = [decoded(sample["data"]) for sample in answer["samples"]]
        assert sent == [sample.data.tobytes() for sample in alone]
        assert answer["usage"]["evaluations"] == sum(sample.evaluations for sample in alone)


def test_a_batch_tells_its_rows_and_ticks_once(generator: lanes.Generator) -> None:
    body = {"seed": 1, "n": 3, "sampler": {"method": "heun", "steps": 5}}
    one, two = generator.answer([body, {**body, "seed": 2, "n": 1}])
    assert one["batch"] == two["batch"]
    assert one["batch"]["rows"] == 4 * 10
    assert one["batch"]["ticks"] == 10
    assert one["batch"]["requests"] == 2
    (later,) = generator.answer([body])
    assert later["batch"]["id"] != one["batch"]["id"]


def test_the_wait_counts_from_the_stamp(generator: lanes.Generator) -> None:
    body = {"seed": 1, "sampler": {"steps": 1}, "output": {"format": "npy"}}
    (unstamped,) = generator.answer([body])
    assert unstamped["usage"]["queue_s"] == 0
    (stamped,) = generator.answer([{**body, "sent": 0.0}])
    assert stamped["usage"]["queue_s"] > 0
    assert np.isfinite(stamped["usage"]["compute_s"])
