"""The parts of the page that need no browser."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sureflow_client import (
    Condition,
    Guide,
    HandleSummary,
    Inpaint,
    Resample,
    Sample,
    Uncertain,
)
from sureflow_studio.canvas import stroke
from sureflow_studio.colours import SCALE, SURE, UNSURE, shade
from sureflow_studio.family import Family, Member
from sureflow_studio.pictures import Mask, rectangles, unsure
from sureflow_studio.plan import Choice, blocks, factors, operations
from sureflow_studio.run import Order, passes, place, rank
from sureflow_studio.scatter import charted, dots, square


def sample(index: int, confidence: float | None, uncertainty: float | None = 1.0) -> Sample:
    document = {
        "index": index,
        "seed": 1,
        "media_type": "application/json",
        "shape": [2],
        "data": [0.0, 0.0],
        "confidence": confidence,
        "uncertainty": uncertainty,
        "method": "plain",
        "semantics": "",
        "unit": "",
        "scores": {},
        "commit": {"t": 0.5, "step": 1},
        "decision": None,
        "finish_reason": "converged",
        "steps": {"accepted": 2, "rejected": 0},
        "evaluations": 2,
    }
    return Sample.model_validate(document)


@given(
    st.lists(st.none() | st.floats(0, 1), max_size=12),
    st.sampled_from(["surest", "least sure", "arrival"]),
)
def test_samples_that_arrive_are_put_where_they_belong(
    confidences: list[float | None], order: Order
) -> None:
    arrived = [sample(index, confidence) for index, confidence in enumerate(confidences)]
    shown: list[Sample] = []
    for one in arrived:
        shown.insert(place(shown, one, order), one)
    sorted_ = arrived if order == "arrival" else sorted(arrived, key=lambda s: rank(s, order))
    assert [one.index for one in shown] == [one.index for one in sorted_]


def test_the_uncertain_come_last_where_there_is_no_confidence() -> None:
    vague = [sample(0, None, 3.0), sample(1, None, None), sample(2, None, 1.0)]
    assert [one.index for one in sorted(vague, key=lambda s: rank(s, "surest"))] == [2, 0, 1]
    assert [one.index for one in sorted(vague, key=lambda s: rank(s, "least sure"))] == [0, 2, 1]


def test_unknown_confidence_passes_no_threshold() -> None:
    assert passes(sample(0, None), 0.0)
    assert not passes(sample(0, None), 0.01)
    assert passes(sample(0, 0.4), 0.4)


def family(*links: tuple[str, str | None]) -> Family:
    made = Family()
    for handle, parent in links:
        made.add(Member(handle, "icons", parent))
    return made


def names(rows: list[list[Member]]) -> list[str]:
    return ["".join(member.handle for member in row) for row in rows]


def test_generations_follow_the_line_of_a_member() -> None:
    made = family(("a", None), ("b", "a"), ("c", "a"), ("d", "b"), ("e", "c"), ("f", "c"))
    assert names(made.generations("a")) == ["a", "bc"]
    assert names(made.generations("b")) == ["a", "bc", "d"]
    assert names(made.generations("f")) == ["a", "bc", "ef"]
    assert [member.handle for member in made.line("e")] == ["a", "c", "e"]


def test_a_parent_that_the_server_has_forgotten_ends_the_line() -> None:
    made = family(("b", "gone"), ("d", "b"))
    assert names(made.generations("d")) == ["b", "d"]


def test_those_met_again_keep_what_is_known() -> None:
    made = family(("a", None))
    made.add(Member("a", "icons", recipe=({"path": "/v1/generate"},)))
    summary = {"model": "icons", "model_version": "v", "bytes": 1, "parent": "a"}
    dates = {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T00:00:00Z"}
    made.meet(HandleSummary.model_validate({"id": each, **summary, **dates}) for each in ("a", "b"))
    assert made.members["a"].recipe is not None
    assert names(made.generations("b")) == ["a", "b"]


MASK: Mask = np.array([[True, False], [False, False]])


def one(choice: Choice) -> Any:
    (operation,) = operations(choice)
    return operation


def test_noise_is_drawn_anew_where_it_was_chosen() -> None:
    redrawn = one(Choice("resample", "painted", MASK, fresh=0.5))
    assert redrawn.strength == 0.5
    np.testing.assert_array_equal(redrawn.region, MASK)
    assert one(Choice("resample", "unsure", MASK, share=0.3)).region == Uncertain(0.3)
    assert one(Choice("resample")).region == "all"


def test_the_rest_is_held_and_the_part_drawn_anew() -> None:
    drawn, inpaint = operations(Choice("inpaint", "painted", MASK, branches=4))
    assert isinstance(drawn, Resample)
    assert isinstance(inpaint, Inpaint)
    np.testing.assert_array_equal(drawn.region, MASK)
    np.testing.assert_array_equal(inpaint.mask, ~MASK)


def test_another_class_in_a_part_holds_the_rest() -> None:
    assert one(Choice("condition", label="boot", fresh=0)) == Condition("boot")
    drawn, inpaint, changed = operations(
        Choice("condition", "painted", MASK, label="boot", scale=3)
    )
    assert isinstance(drawn, Resample)
    assert isinstance(inpaint, Inpaint)
    np.testing.assert_array_equal(inpaint.mask, ~MASK)
    assert changed == Condition("boot", 3)


@pytest.mark.parametrize(
    "choice",
    [
        Choice("resample", "painted", ~MASK & MASK),
        Choice("inpaint"),
        Choice("condition"),
        Choice("resample", fresh=0, branches=2),
    ],
    ids=str,
)
def test_what_would_do_nothing_is_said(choice: Choice) -> None:
    with pytest.raises(ValueError, match=r"\.$|ask for one"):
        operations(choice)


def test_parts_are_said_as_the_operation_takes_them() -> None:
    by_mask = one(Choice("resample", "unsure", MASK, by_mask=True))
    assert isinstance(by_mask, Resample)
    np.testing.assert_array_equal(by_mask.region, MASK)
    assert one(Choice("resample", regions=False, fresh=0.5)) == {
        "type": "resample",
        "strength": 0.5,
    }
    drawn, other = operations(Choice("condition", prompt=("composition", "MgO")))
    assert isinstance(drawn, Resample)
    assert other == Condition(arrays={"composition": "MgO"})


def test_an_operation_of_another_package_goes_as_it_is() -> None:
    drawn, twist = operations(Choice("twist", fresh=0.5, other={"angle": 3}))
    assert isinstance(drawn, Resample)
    assert twist == {"type": "twist", "angle": 3}


def test_a_pull_is_toward_means_of_blocks_or_a_point() -> None:
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    pull = one(Choice("guide", target=image, factor=2, pull=0.7, fresh=0))
    assert isinstance(pull, Guide)
    assert (pull.operator, pull.factor, pull.strength) == ("downsample", 2, 0.7)
    np.testing.assert_array_equal(pull.target, [[[2.5, 4.5], [10.5, 12.5]]])  # type: ignore[arg-type]
    drawn, point = operations(Choice("guide", target=np.zeros(2, dtype=np.float32)))
    assert isinstance(drawn, Resample)
    assert isinstance(point, Guide)
    assert point.operator == "mask"
    assert factors(28, 28) == [2, 4, 7]
    assert blocks(image, 4).tolist() == [[[7.5]]]


@given(arrays(np.bool_, (5, 7)))
def test_rectangles_cover_the_mask_and_nothing_else(mask: Mask) -> None:
    drawn = np.zeros_like(mask)
    for x, y, width in re.findall(r'x="(\d+)" y="(\d+)" width="(\d+)"', rectangles(mask)):
        assert not drawn[int(y), int(x) : int(x) + int(width)].any()
        drawn[int(y), int(x) : int(x) + int(width)] = True
    np.testing.assert_array_equal(drawn, mask)


@given(arrays(np.float32, (4, 4), elements=st.floats(0, 1, width=32)), st.floats(0.05, 1))
def test_the_unsure_part_is_the_least_sure(doubt: Any, share: float) -> None:
    mask = unsure(doubt, share)
    assert mask.sum() == max(1, round(share * 16))
    if not mask.all():
        assert doubt[mask].min() >= doubt[~mask].max()


def test_strokes_are_continuous_and_erase() -> None:
    blank = np.zeros((5, 9), dtype=bool)
    drawn = stroke(blank, (0.5, 2.5), (8.5, 2.5), 0, True)
    np.testing.assert_array_equal(drawn, [[row == 2] * 9 for row in range(5)])
    assert not stroke(drawn, (0.5, 2.5), (8.5, 2.5), 1, False).any()
    dot = stroke(blank, (4.2, 2.9), (4.2, 2.9), 0, True)
    assert dot[2, 4]
    assert dot.sum() <= 2


def test_the_scale_of_cards_and_points_ends_in_its_own_colours() -> None:
    assert (shade(0.0), shade(1.0), shade(2.0)) == (UNSURE, SURE, SURE)
    assert shade(1 / 4) == SCALE[1]
    places = np.zeros((1, 2))
    chart = charted([*places], ("x", "y"), [dots([sample(0, 0.5)], places, 0.0, 0.0)])
    assert chart["visualMap"]["inRange"]["color"] == list(SCALE)


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=5))
def test_the_plane_is_square_and_holds_all_points(points: list[tuple[float, float]]) -> None:
    (left, right), (low, high) = square([np.array(point) for point in points])
    assert right - left == high - low
    for x, y in points:
        assert left <= x <= right
        assert low <= y <= high
