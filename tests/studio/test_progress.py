"""How far a request is, told by its steps, and addresses that say all there is to ask again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow_client import Model
from sureflow_studio.ask import LONGEST, Ask, read
from sureflow_studio.place import Place
from sureflow_studio.progress import Progress


def test_time_left_follows_the_steps() -> None:
    now = [0.0]
    progress = Progress(4, clock=lambda: now[0])
    assert progress.words() == "about to start"
    progress.before = 1
    assert progress.words() == "in the queue, 1 request before it"
    progress.start()
    assert progress.words() == "0%"
    now[0] = 3.0
    for sample in range(4):
        progress.reach(sample, 0.25)
    assert progress.share == 0.25
    assert progress.left_s == 9.0
    assert progress.words() == "25% · about 9 s left"
    progress.reach(0, 0.1)
    assert progress.share == 0.25, "nothing goes back"


def test_more_samples_than_were_asked_for_stay_below_all() -> None:
    progress = Progress(1)
    progress.reach("a", 1.0)
    progress.reach("b", 0.5)
    assert progress.share == 0.75


NAMES = st.text("abcdefgh_ &=%é", min_size=1, max_size=8)
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8)
OPTIONS: Any = st.dictionaries(NAMES, VALUES, max_size=4)


@given(NAMES, st.integers(1, 256), OPTIONS, OPTIONS, st.none() | st.just("rt_1"))
def test_an_address_says_what_was_asked(
    model: str, n: int, options: Any, against: Any, sample: str | None
) -> None:
    place = Place(("req_1", "req_2"), Ask(model, n, options, against), sample)
    assert Place.of(place.query()) == place
    review = place.reviewed(model)
    assert Place.of(review.query()) == review
    assert review.opened(sample) == place


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"model":1}', "[" * LONGEST, '{"model":"a","n":"x"}']
)
def test_an_address_of_somebody_else_says_nothing(text: str) -> None:
    assert read(text) is None


def test_each_setting_is_one_request() -> None:
    model = Model(name="m", state="ready", default=True, classes=("a", "b", "c"))
    asked = {"labels": ["a", "b", "c"], "guidance": 1}
    runs = Ask("m", 4, asked, {"guidance": 2}).runs(model)
    assert [(run.column, run.n, run.labels) for run in runs] == [
        (0, 4, ("a", "b", "c")),
        (1, 4, ("a", "b", "c")),
    ]
    assert [run.options["guidance"] for run in runs] == [1, 2]
    one = Ask("m", 4, asked, {"label": "b"}).runs(model)[1]
    assert one.labels == ("b",)
    assert "labels" not in one.options, "a request has one of them"
