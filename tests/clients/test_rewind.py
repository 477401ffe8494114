"""Handles, edits, inversions and frames, by both clients against a server that really runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sureflow_client import (
    AtCommit,
    AtStep,
    AtTime,
    Client,
    Condition,
    EditResult,
    Guide,
    HandleExpired,
    Inpaint,
    InvalidRequest,
    MissingData,
    Resample,
    Result,
    Sample,
    Uncertain,
    UnknownHandle,
)

Connect = Callable[..., Client]
STEPS = 4


@pytest.fixture
def client(connect: Connect, server: str) -> Client:
    return connect(server)


@pytest.fixture
def point(client: Client) -> Sample:
    (sample,) = client.generate("ring", seed=7, steps=STEPS, rewind="all")
    return sample


@pytest.fixture
def shoe(client: Client) -> Sample:
    (sample,) = client.generate(
        "fashion", seed=7, label="Sneaker", steps=STEPS, output="npy", rewind=True
    )
    return sample


def test_samples_have_handles_where_asked_for(client: Client) -> None:
    (plain,) = client.generate("ring", seed=7, steps=STEPS)
    assert plain.handle is None
    assert (plain.parent, plain.rewound_from, plain.inversion_error) == (None, None, None)
    (sample,) = client.generate(
        "ring", seed=7, steps=STEPS, rewind={"keep": [0.0, 0.5], "ttl_s": 60}
    )
    link = sample.handle
    assert link is not None
    assert link.frames == (0.0, 0.5)
    assert link.bytes > 0
    assert 0 < (link.expires_at - datetime.now(UTC)).total_seconds() <= 60
    assert sample.array().tobytes() == plain.array().tobytes()


def test_a_handle_says_what_is_kept(client: Client, point: Sample) -> None:
    handle = client.handle(point)
    assert point.handle is not None
    assert (handle.id, handle.model, handle.parent) == (point.handle.id, "ring", None)
    assert handle.created_at < datetime.now(UTC) < handle.expires_at
    assert handle.steps == len(handle.profile.t) == STEPS
    assert handle.commits[0] == point.commit
    assert [frame.step for frame in handle.frames] == [*range(STEPS)]
    assert handle.sample.array().tobytes() == point.array().tobytes()
    assert client.handle(point.handle) == client.handle(handle) == client.handle(handle.id)


def test_handles_are_listed_newest_first_and_by_pages(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = client.generate("ring", n=5, seed=7, steps=STEPS, rewind=True)
    mine = {sample.handle.id for sample in made if sample.handle}
    monkeypatch.setattr("sureflow_client._sync.client.MAX_PAGE", 2)
    listed = client.handles()
    assert mine <= {handle.id for handle in listed}
    assert [h.id for h in listed] == [h.id for h in dict.fromkeys(listed)]
    ages = [handle.created_at for handle in listed]
    assert ages == sorted(ages, reverse=True)
    assert client.handles(limit=3) == listed[:3]
    assert client.handles(limit=0) == ()


def test_a_handle_can_be_deleted(client: Client, point: Sample) -> None:
    assert client.delete_handle(point) is None
    for call in (client.handle, client.delete_handle, client.edit, client.frames):
        with pytest.raises(UnknownHandle) as caught:
            call(point)  # type: ignore[operator]
        assert caught.value.status == 404


def test_a_handle_ends(client: Client) -> None:
    (sample,) = client.generate("ring", seed=7, steps=STEPS, rewind={"ttl_s": 0.1})
    time.sleep(0.2)
    with pytest.raises(HandleExpired) as caught:
        client.handle(sample)
    assert caught.value.status == 410


def test_a_sample_without_a_handle_says_so(client: Client) -> None:
    (sample,) = client.generate("ring", seed=7, steps=STEPS)
    with pytest.raises(MissingData, match="rewind="):
        client.edit(sample)


def test_an_edit_without_operations_makes_the_same_again(client: Client, point: Sample) -> None:
    for at in ("commit", 0.0, 0.5, AtTime(0.25), AtStep(2), AtCommit()):
        result = client.edit(point, at=at)  # type: ignore[arg-type]
        assert result[0].array().tobytes() == point.array().tobytes()
        assert point.handle is not None
        assert result[0].parent == point.handle.id
        assert result.original.array().tobytes() == point.array().tobytes()
    assert client.edit(point, at=AtStep(2)).at.step == 2
    assert client.edit(point, at=AtTime(0.5)).at.t == 0.5


def test_branches_compete_with_the_original(client: Client, point: Sample) -> None:
    result = client.edit(point, Resample(), at=0.0, branches=6, seed=3, rewind=True)
    assert isinstance(result, EditResult)
    assert len(result) == len({sample.array().tobytes() for sample in result}) == 6
    assert result.seed == 3
    surest = min([*result, result.original], key=lambda sample: -(sample.confidence or 0))
    assert result.best.confidence == surest.confidence
    assert (result.chosen is None) == (result.best is result.original)
    again = client.edit(point, Resample(), at=0.0, branches=6, seed=3)
    assert again.array().tobytes() == result.array().tobytes()
    child = client.handle(result[0])
    assert point.handle is not None
    assert child.parent == point.handle.id
    assert type(result.sorted()) is type(result[:2]) is Result
    assert sorted(result.sorted().confidence) == sorted(result.confidence)


def test_only_the_best_branch_comes_with_its_data(client: Client, point: Sample) -> None:
    result = client.edit(point, Resample(), at=0.0, branches=6, seed=3, keep="best")
    having = [place for place, sample in enumerate(result) if sample.data is not None]
    assert having == ([] if result.chosen is None else [result.chosen])
    assert (result.original.data is None) == (result.chosen is not None)


def test_what_is_held_stays(client: Client, shoe: Sample) -> None:
    mask = np.zeros((28, 28), bool)
    mask[:14] = True
    (edited,) = client.edit(shoe, Inpaint(mask), at=0.0, seed=1, output="npy")
    before, after = shoe.array()[0], edited.array()[0]
    assert np.array_equal(before[mask], after[mask])
    assert not np.array_equal(before[~mask], after[~mask])
    image = PIL.Image.fromarray(np.uint8(255 * mask))
    (drawn,) = client.edit(shoe, Inpaint(image), at=0.0, seed=1, output="npy")
    assert drawn.array().tobytes() == edited.array().tobytes()
    known = np.full((1, 28, 28), 0.25, np.float32)
    (filled,) = client.edit(shoe, Inpaint(mask, known), at=0.0, seed=1, output="npy")
    assert (filled.array()[0][mask] == 0.25).all()


def test_another_class_from_here_on(client: Client, shoe: Sample) -> None:
    (bag,) = client.edit(shoe, Condition("Bag"), at=0.0, output="npy")
    (made,) = client.generate("fashion", seed=7, label="Bag", steps=STEPS, output="npy")
    assert bag.array().tobytes() == made.array().tobytes()


def test_only_the_region_is_drawn_anew(client: Client, shoe: Sample) -> None:
    everywhere = client.edit(shoe, Resample(), at=0.5, seed=1, output="npy")
    unsure = client.edit(shoe, Resample(region=Uncertain(0.2)), at=0.5, seed=1, output="npy")
    drawn = client.edit(shoe, Resample(region=np.eye(28)), at=0.5, seed=1, output="npy")
    arrays = {result.array().tobytes() for result in (everywhere, unsure, drawn)}
    assert len(arrays) == 3


def test_a_measurement_pulls(client: Client, shoe: Sample) -> None:
    small = np.full((1, 14, 14), 0.5)
    (pulled,) = client.edit(shoe, Guide("downsample", small, strength=1.0), at=0.0, output="npy")
    means = pulled.array()[0].reshape(14, 2, 14, 2).mean((1, 3))
    free = shoe.array()[0].reshape(14, 2, 14, 2).mean((1, 3))
    assert np.abs(means - 0.5).mean() < 0.2 * np.abs(free - 0.5).mean()


def test_wrong_edits_are_named(client: Client, point: Sample) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.edit(point, [Condition("Hovercraft")])
    assert caught.value.fields == ("operations.0.label",)
    with pytest.raises(InvalidRequest) as caught:
        client.edit(point, Resample(region=np.ones(3)))
    assert caught.value.fields == ("operations.0.region.mask",)
    with pytest.raises(InvalidRequest) as caught:
        client.edit(point, at=AtStep(99))
    assert caught.value.fields == ("at.step",)


def test_frames_are_the_trajectory(client: Client, point: Sample) -> None:
    seen = client.frames(point, show=["state", "prediction", "map"])
    assert len(seen) == STEPS + 1
    assert seen.t.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert seen.states().shape == seen.predictions().shape == seen.maps().shape == (STEPS + 1, 2)
    assert seen.states()[-1].tobytes() == point.array().tobytes()
    assert np.isfinite(seen.rate[:-1]).all()
    assert np.isnan(seen.rate[-1])
    assert (np.diff(seen.uncertainty) > 0).all()
    some = client.frames(point, [0.5, 1.0])
    assert some.t.tolist() == [0.5, 1.0]
    assert some.states().tobytes() == seen.states()[[2, 4]].tobytes()
    with pytest.raises(MissingData, match="map"):
        some.maps()


def test_frames_of_images(client: Client, shoe: Sample) -> None:
    seen = client.frames(shoe, [0, 0.5, 1], show=["state", "prediction", "map"], output="png")
    assert [image.size for image in seen.images("state")] == [(28, 28)] * 3
    assert np.array_equal(np.asarray(seen.images()[-1]), np.asarray(shoe.image()))
    assert seen.images("map")[0].getextrema()[1] == 255
    assert seen.strip().height > 3 * 28


def test_given_samples_come_back_with_a_score(client: Client) -> None:
    made = client.generate("ring", n=3, seed=7, steps=20)
    result = client.invert(made.array(), "ring", rewind=True)
    assert len(result) == 3
    errors = [sample.inversion_error for sample in result]
    assert all(error is not None and error < 0.01 for error in errors)
    assert np.abs(result.array() - made.array()).max() < 0.05
    (edited,) = client.edit(result[0], Resample(0.1), at=0.5, seed=1)
    assert result[0].handle is not None
    assert edited.parent == result[0].handle.id


def test_images_are_given_as_such(client: Client, shoe: Sample) -> None:
    coarse: Any = {"label": "Sneaker", "method": "heun", "steps": 2}
    by_image = client.invert([shoe.image()], "fashion", **coarse)
    array = np.asarray(shoe.image(), np.float32)[None] / 127.5 - 1
    by_array = client.invert([array], "fashion", **coarse)
    assert by_image[0].data == by_array[0].data
    np.testing.assert_array_equal(by_image.confidence, by_array.confidence)
    assert by_image.uncertainty.tolist() == by_array.uncertainty.tolist()


def test_samples_that_fail_are_sent_elsewhere(client: Client) -> None:
    result = client.generate(
        "ring",
        n=6,
        seed=7,
        steps=STEPS,
        filter={"min": 0.7, "action": "rewind", "max_attempts": 3, "shift": -0.2},
    )
    again = [sample for sample in result if sample.rewound_from is not None]
    assert again
    failed = {s.index for s in result if s.decision and s.decision.action_taken == "rewound"}
    assert {sample.rewound_from for sample in again} <= failed


def test_metrics(client: Client, point: Sample) -> None:
    text = client.metrics()
    assert 'sureflow_samples_total{finish_reason="converged",model="ring"}' in text
