"""Both clients against a server that really runs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import numpy as np
import pytest

from sureflow_client import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    Client,
    Completed,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    Queued,
    QueueFull,
    Result,
    Retry,
    SampleEvent,
    Step,
    Timeout,
    UnknownModel,
)

Connect = Callable[..., Client]
STEPS = 2


@pytest.fixture
def client(connect: Connect, server: str) -> Client:
    return connect(server)


def exact(result: Result) -> bytes:
    return result.array().tobytes()


def test_health(client: Client) -> None:
    assert client.health()
    assert client.ready()
    client.wait_until_ready(5)


def test_models(client: Client) -> None:
    models = {model.name: model for model in client.models()}
    assert [name for name, model in models.items() if model.default] == ["fashion"]
    fashion = client.model("fashion")
    assert fashion == models["fashion"]
    assert (fashion.state, fashion.media, fashion.shape) == ("ready", "image", (1, 28, 28))
    assert fashion.version is not None
    assert fashion.version.startswith("sha256:")
    assert fashion.classes is not None
    assert len(fashion.classes) == 10
    assert models["ring"].media == "vector"
    for name in ("fashion", "digits", "ring", "crystals"):
        model = models[name]
        assert "heun" in (model.samplers or ())
        assert "propagated" in (model.scores or ())
        assert "resample" in (model.operations or ())
    assert "png" in (fashion.formats or ())
    assert "png" not in (models["ring"].formats or ())


def test_images(client: Client) -> None:
    result = client.generate("fashion", n=2, seed=7, label=3, steps=STEPS)
    assert (result.model, result.seed, len(result)) == ("fashion", 7, 2)
    assert [image.size for image in result.images()] == [(28, 28), (28, 28)]
    assert result.array().shape == (2, 1, 28, 28)
    assert ((result.confidence >= 0) & (result.confidence <= 1)).all()
    assert np.isfinite(result.uncertainty).all()
    assert result.usage.evaluations == sum(sample.evaluations for sample in result)


def test_clothes_are_judged_by_what_their_network_shows(client: Client) -> None:
    """The score that ``fashion`` recommends, and that costs nothing."""
    fashion, ring = client.model("fashion"), client.model("ring")
    assert fashion.probed is not None
    assert fashion.probed["judge"].endswith("unreal_clothes")
    assert ring.probed == {}
    read = client.generate("fashion", n=2, seed=7, label=3, steps=STEPS)
    plain = client.generate("fashion", n=2, seed=7, label=3, steps=STEPS, score="straightness")
    assert (read.samples[0].method, plain.samples[0].method) == ("probe", "straightness")
    assert read.usage.evaluations == plain.usage.evaluations
    assert exact(read) == exact(plain)


def test_vectors(client: Client) -> None:
    result = client.generate("ring", n=3, seed=7, steps=STEPS)
    assert result.array().shape == (3, 2)
    assert np.isfinite(result.array()).all()
    with pytest.raises(ValueError, match="not an image"):
        result.images()


def test_equal_seeds_give_equal_bytes_whatever_n(client: Client) -> None:
    few = client.generate("ring", n=2, seed=7, steps=STEPS)
    many = client.generate("ring", n=5, seed=7, steps=STEPS)
    other = client.generate("ring", n=2, seed=8, steps=STEPS)
    assert few.model_version == many.model_version
    assert exact(few) == exact(many[:2])
    assert exact(few) != exact(other)


def test_a_drawn_seed_is_returned_and_repeats_the_request(client: Client) -> None:
    drawn = client.generate("ring", steps=STEPS)
    assert exact(client.generate("ring", seed=drawn.seed, steps=STEPS)) == exact(drawn)
    assert client.generate("ring", steps=STEPS).seed != drawn.seed


def test_the_encodings_carry_the_same_sample(client: Client) -> None:
    def ask(output: str) -> Result:
        return client.generate("fashion", seed=7, label=3, steps=STEPS, output=output)  # type: ignore[arg-type]

    png, npy, nested = ask("png"), ask("npy"), ask("list")
    assert [r[0].media_type for r in (png, npy, nested)] == [
        "image/png",
        "application/x-npy",
        "application/json",
    ]
    assert exact(npy) == exact(nested)
    clipped = np.clip(npy.array(), -1, 1)
    assert np.abs(png.array() - clipped).max() <= (1 / 255) * (1 + 1e-4)
    assert np.array_equal(np.asarray(png.images()[0]), np.asarray(npy.images()[0]))


def test_labels_by_name_and_by_number(client: Client) -> None:
    classes = client.model("fashion").classes
    assert classes is not None
    by_name = client.generate("fashion", seed=7, label=classes[3], steps=STEPS)
    by_number = client.generate("fashion", seed=7, label=3, steps=STEPS)
    other = client.generate("fashion", seed=7, label=4, steps=STEPS)
    assert exact(by_name) == exact(by_number) != exact(other)


def test_method_and_guidance_reach_the_server(client: Client) -> None:
    plain = client.generate("fashion", seed=7, label=3, method="euler", steps=STEPS)
    guided = client.generate("fashion", seed=7, label=3, method="euler", steps=STEPS, guidance=2)
    assert plain.usage.evaluations == STEPS
    assert guided.usage.evaluations == 2 * STEPS
    assert exact(plain) != exact(guided)


@pytest.mark.parametrize("output", ["png", "list"])
def test_profile_and_map(output: str, client: Client) -> None:
    (plain,) = client.generate("fashion", seed=7, label=3, steps=STEPS)
    assert plain.profile is None
    assert plain.map is None
    (sample,) = client.generate(
        "fashion",
        seed=7,
        label=3,
        steps=STEPS,
        also=["propagated"],
        profile=True,
        map=True,
        output=output,  # type: ignore[arg-type]
    )
    assert sample.profile is not None
    assert len(sample.profile.t) == len(sample.profile.rate) == STEPS
    assert sample.map_array().shape == (1, 28, 28)
    assert sample.map_array().sum() == pytest.approx(sample.scores["propagated"], rel=1e-3)


def test_filters_split_the_samples(client: Client) -> None:
    plain = client.generate("ring", n=8, seed=7, steps=STEPS)
    bound = float(np.median(plain.uncertainty))
    kept = client.generate(
        "ring",
        n=8,
        seed=7,
        steps=STEPS,
        filter={"by": "uncertainty", "max": bound, "action": "drop"},
    )
    passed = [sample.index for sample in plain if sample.uncertainty <= bound]  # type: ignore[operator]
    assert 0 < len(passed) < 8
    assert len(kept) == 8
    assert [sample.index for sample in kept.accepted()] == passed
    assert kept.accepted().array().tolist() == plain.array()[passed].tolist()
    annotated = client.generate(
        "ring",
        n=8,
        seed=7,
        steps=STEPS,
        filter={"by": "uncertainty", "max": bound, "action": "annotate"},
    )
    assert exact(annotated) == exact(plain)
    assert [sample.index for sample in annotated.accepted()] == passed


def test_a_target_is_reached(client: Client) -> None:
    result = client.generate(
        "ring",
        seed=7,
        steps=20,
        score="propagated",
        filter={"min": 0.5, "accept": 4, "max_attempts": 16, "action": "regenerate"},
    )
    accepted = result.accepted()
    assert len(accepted) == 4 < len(result)
    assert (accepted.confidence >= 0.5).all()
    assert all(sample.confidence_holds for sample in result)
    assert accepted.array().shape == (4, 2)
    others = {s.decision.action_taken for s in result if not s.accepted and s.decision}
    assert others == {"regenerated"}


def test_the_top_of_a_stream_comes_at_its_end(client: Client) -> None:
    events = list(client.stream("ring", n=6, seed=7, steps=STEPS, filter={"top": 2}))
    last = [event.sample for event in events[-7:] if isinstance(event, SampleEvent)]
    surest = sorted(last, key=lambda sample: -(sample.confidence or 0))[:2]
    assert {s.index for s in last if s.accepted} == {s.index for s in surest}
    assert len(last) == 6


def test_the_stream_brings_the_same_samples(client: Client) -> None:
    events = list(client.stream("ring", n=3, seed=7, steps=STEPS))
    assert isinstance(events[0], Queued)
    assert isinstance(events[-1], Completed)
    assert (events[0].seed, events[0].n) == (7, 3)
    assert events[-1].id == events[0].id
    assert all(0 <= event.t <= 1 for event in events if isinstance(event, Step))
    samples = [event.sample for event in events if isinstance(event, SampleEvent)]
    result = client.generate("ring", n=3, seed=7, steps=STEPS)
    assert tuple(sorted(samples, key=lambda sample: sample.index)) == result.samples
    assert events[-1].usage.evaluations == result.usage.evaluations


def test_progress_changes_nothing(client: Client) -> None:
    watched = client.generate("ring", n=3, seed=7, steps=STEPS, progress=True)
    assert watched.samples == client.generate("ring", n=3, seed=7, steps=STEPS).samples
    assert watched.usage.evaluations == sum(sample.evaluations for sample in watched)


def test_a_stream_may_be_left_early(client: Client) -> None:
    events = client.stream("ring", n=64, seed=7, steps=1000)
    assert isinstance(next(events), Queued)
    events.close()
    assert len(client.generate("ring", seed=7, steps=STEPS)) == 1


def test_a_full_queue_and_its_end(client: Client, connect: Connect, server: str) -> None:
    impatient = connect(server, retry=Retry(attempts=0))
    events = client.stream("ring", n=256, seed=7, steps=1000)
    assert isinstance(next(events), Queued)
    with pytest.raises(QueueFull) as caught:
        impatient.generate("ring", n=2, steps=STEPS)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 0
    events.close()
    assert len(client.generate("ring", n=2, steps=STEPS)) == 2


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"n": 0}, "n"),
        ({"n": 10**6}, "n"),
        ({"n": 1.5}, "n"),
        ({"seed": -1}, "seed"),
        ({"steps": 0}, "sampler.steps"),
        ({"method": "magic"}, "sampler.method"),
        ({"label": 10}, "condition.label"),
        ({"label": "Hovercraft"}, "condition.label"),
        ({"guidance": -1.0, "label": 3}, "guidance.scale"),
        ({"output": "jpeg"}, "output.format"),
        ({"filter": {"by": "luck", "min": 0.5}}, "filter.by"),
    ],
    ids=str,
)
def test_wrong_values_are_named(options: dict[str, object], field: str, client: Client) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.generate("fashion", **options)  # type: ignore[arg-type]
    assert caught.value.fields == (field,)
    assert caught.value.request_id
    assert field in str(caught.value)
    with pytest.raises(InvalidRequest) as caught:
        list(client.stream("fashion", **options))  # type: ignore[arg-type]
    assert caught.value.fields == (field,)


def test_unknown_models_and_paths(client: Client, connect: Connect, server: str) -> None:
    with pytest.raises(UnknownModel, match="'no-such-model'"):
        client.generate("no-such-model")
    with pytest.raises(UnknownModel):
        client.model("no-such-model")
    with pytest.raises(NotFound) as caught:
        connect(f"{server}/elsewhere").models()
    assert type(caught.value) is NotFound


def test_a_body_that_is_too_large(client: Client) -> None:
    with pytest.raises(PayloadTooLarge):
        client.generate("fashion", label="x" * (2 << 20))
    assert client.ready()


def test_concurrent_requests_of_one_client(server: str) -> None:
    async def ask() -> list[Result]:
        async with AsyncClient(server) as client:
            calls = [client.generate("ring", n=2, seed=seed, steps=STEPS) for seed in range(6)]
            return await asyncio.gather(*calls)

    results = asyncio.run(ask())
    assert [result.seed for result in results] == list(range(6))
    with Client(server) as client:
        assert exact(client.generate("ring", n=2, seed=5, steps=STEPS)) == exact(results[5])


def test_nobody_there(connect: Connect) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        client = connect(
            f"http://127.0.0.1:{listener.getsockname()[1]}", retry=Retry(attempts=1, backoff=0.01)
        )
        assert not client.health()
        assert not client.ready()
        with pytest.raises(APIConnectionError):
            client.generate("ring")
        with pytest.raises(APITimeoutError, match="not ready"):
            client.wait_until_ready(0.01)


@pytest.mark.parametrize("timeout", [0.05, Timeout(300, read=0.05)], ids=str)
def test_nobody_answers(timeout: float | Timeout, connect: Connect) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=timeout)
        with pytest.raises(APITimeoutError):
            client.generate("ring")
