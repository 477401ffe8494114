"""Sequences in flight: alone or in company, from a frame on, and edited."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sureflow.core.lane import Branch, Sample
from sureflow.families.tokens.codec import text_of
from sureflow.families.tokens.operations import Guide, Hold, Resample, Uncertain
from sureflow.families.tokens.scores.catalogue import SCORES
from sureflow.families.tokens.spec import METHODS, TokenSpec
from sureflow.model import Model
from sureflow.recipe import dump, parse
from sureflow.sampling.sample import edit, run, sample

FREE = tuple(name for name, meaning in SCORES.items() if not meaning.conditioned)
GIVEN = {"size": np.array([2.0], np.float32)}


def spec(index: int, **fields: Any) -> TokenSpec:
    """Lanes of all kinds, by their index."""
    conditioned = index % 3 != 0
    method = METHODS[index % 4]
    options: dict[str, Any] = {
        "method": method,
        "steps": 4 + index % 3,
        "condition": GIVEN if conditioned else {},
        "guidance": 2.0 if index % 3 == 2 else 1.0,
        "remask": 0.3 if method == "remasking" else 0.0,
        "temperature": 0.8 if index % 2 else 1.0,
        "top_p": 0.9 if index % 5 == 0 else 1.0,
        "scores": tuple(SCORES) if conditioned else FREE,
        **fields,
    }
    return TokenSpec(7, index, **options)


def same(one: Sample, other: Sample) -> bool:
    arrays = ("data", "map", "rate", "t")
    equal = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    return equal and one.scores == other.scores and one.evaluations == other.evaluations


def test_bits_do_not_depend_on_company(letters: Model) -> None:
    specs = [spec(index) for index in range(24)]
    crowd = run(letters, specs, 9)
    for one, found in zip(specs, crowd, strict=True):
        (alone,) = run(letters, [one], 1)
        assert same(alone, found)


@pytest.mark.parametrize("index", range(6))
def test_a_frame_goes_on_to_the_same_bytes(letters: Model, index: int) -> None:
    (whole,) = run(letters, [spec(index, keep=(0.5,))], 1)
    (frame,) = whole.frames
    assert frame.step > 0
    for known in (frame, None):
        branch = replace(spec(index), origin=Branch(spec(index), frame.step, (), known))
        (again,) = run(letters, [branch], 1)
        assert np.array_equal(again.data, whole.data)
        assert again.scores == whole.scores


def test_a_recipe_makes_the_same_sample(letters: Model) -> None:
    (whole,) = run(letters, [spec(1, keep="all")], 1)
    mask = np.arange(7) < 2
    operations = (Hold(mask, whole.data), Resample(0.5, Uncertain(0.5)), Resample(1.0, mask))
    (made,) = edit(letters, whole, 2, operations)
    (again,) = run(letters, [parse(dump(made.spec))], 1)  # type: ignore[list-item]
    assert same(made, replace(again, evaluations=made.evaluations))


def test_held_tokens_stay_and_the_rest_has_the_conditional_law(words: Model) -> None:
    """Given that the second letter is b, ``ab`` is twice as probable as ``abc``."""
    (whole,) = sample(words, 1, 0, method="first_hitting")
    known = np.array([0, ord("b"), 0, 0], np.float32)
    hold = Hold(known > 0, known)
    found = edit(words, whole, 0, [hold], branches=600, capacity=64, method="first_hitting")
    texts = [text_of(one.data) for one in found]
    assert {*texts} == {"ab", "abc"}
    assert texts.count("ab") / 600 == pytest.approx(2 / 3, abs=4 * (2 / 9 / 600) ** 0.5)


def test_only_the_least_sure_tokens_are_drawn_anew(letters: Model) -> None:
    (whole,) = run(letters, [spec(0, method="confidence", steps=7, keep="all")], 1)
    step = 6
    frame = next(frame for frame in whole.frames if frame.step == step)
    entropy, masked = frame.arrays["entropy"], frame.arrays["tokens"] == 6
    order = np.argsort(np.where(masked, np.inf, -entropy), kind="stable")
    may_change = masked.copy()
    may_change[order[:2]] = True  # a third of six, rounded up
    found = edit(letters, whole, step, [Resample(1.0, Uncertain(1 / 3))], branches=30, seed=9)
    # what follows an end is 0 whatever was drawn, so tokens are compared, not code points
    changed = np.any([one.map != whole.map for one in found], 0)
    assert changed[may_change].any()
    assert not changed[~may_change].any()


def test_all_that_comes_after_is_drawn_anew(letters: Model) -> None:
    (whole,) = run(letters, [spec(0, keep="all")], 1)
    found = edit(letters, whole, 2, [Resample()], branches=20, seed=9)
    known = next(f for f in whole.frames if f.step == 2).arrays["tokens"] != 6
    assert len({tuple(one.data) for one in found}) > 1
    for one in found:
        assert np.array_equal(one.map[known], whole.map[known])


def test_a_bias_multiplies_the_odds(words: Model) -> None:
    """The first letter is d in a quarter of the words; with nine times the odds, in 3 of 4."""
    (whole,) = sample(words, 1, 0, steps=1)
    guide = Guide(np.array([ord("d")], np.float32), np.log(np.array([9.0], np.float32)))
    found = edit(words, whole, 0, [guide], branches=600, capacity=64)
    first = np.array([chr(int(one.data[0])) for one in found])
    assert {*first} == {"a", "d"}
    assert (first == "d").mean() == pytest.approx(0.75, abs=4 * (3 / 16 / 600) ** 0.5)
    unknown = Guide(np.array([ord("z")], np.float32), np.array([1.0], np.float32))
    with pytest.raises(ValueError, match=r"^operations\.0\.bias: 'z' is not in the alphabet"):
        edit(words, whole, 0, [unknown])


def test_another_condition_changes_what_follows(letters: Model) -> None:
    (whole,) = run(letters, [spec(1, keep="all")], 1)
    other = {"size": np.array([-9.0], np.float32)}
    found = edit(letters, whole, 1, condition=other, guidance=8.0, branches=8)
    assert any(not np.array_equal(one.data, whole.data) for one in found)


def test_evaluations_are_counted(letters: Model) -> None:
    counts = {
        (): 5,
        ("pseudo_likelihood", "worst_token"): 9,
        ("pseudo_likelihood", "disagreement"): 13,
    }
    for scores, expected in counts.items():
        given = scores or ("entropy",)
        (one,) = sample(letters, 1, 0, steps=5, scores=given)
        assert one.evaluations == expected
    options = {"steps": 5, "condition": GIVEN, "guidance": 2.0}
    (guided,) = sample(letters, 1, 0, scores=("condition_contrast",), **options)
    assert guided.evaluations == 10 + 8


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"method": "heun"}, "method"),
        ({"steps": 0}, "steps"),
        ({"guidance": 2.0}, "guidance"),
        ({"temperature": 0.0}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"remask": 0.5}, "remask"),
        ({"scores": ("condition_contrast",)}, "scores"),
        ({"scores": ("vibes",)}, "scores"),
        ({"condition": {"colour": GIVEN["size"]}}, "condition"),
        ({"condition": {"size": np.zeros(2, np.float32)}}, "condition.size"),
    ],
    ids=str,
)
def test_what_it_cannot_run_is_named(letters: Model, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        letters.check(TokenSpec(0, 0, **{"scores": ("entropy",), **fields}))


def test_a_character_that_is_not_in_the_alphabet_is_named(letters: Model) -> None:
    (whole,) = sample(letters, 1, 0, steps=3)
    hold = Hold(np.arange(7) < 1, np.full(7, ord("z"), np.float32))
    with pytest.raises(ValueError, match=r"^operations\.0\.known: 'z' is not in the alphabet"):
        edit(letters, whole, 0, [hold])


def test_views_show_tokens_appear(letters: Model) -> None:
    (one,) = sample(letters, 1, 3, method="confidence", steps=7, watch=(0, 3, 6))
    unknown = [(view.state == 0xFFFD).sum() for view in one.views]
    assert unknown == [7, 4, 1]
    for view in one.views:
        assert ((view.map > 0) == (view.state == 0xFFFD)).all()
        assert (view.prediction != 0xFFFD).all()
