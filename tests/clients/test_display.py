"""What people see: pictures of many samples, notebooks, progress."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest

from sureflow_client import (
    Completed,
    EditResult,
    Handle,
    MissingData,
    NotAnImage,
    Queued,
    Result,
    Sample,
    SampleEvent,
    Step,
    Trajectory,
    collect,
    sheet,
)
from sureflow_client._decode import array_image
from sureflow_client._html import MAX_SHOWN, profile_svg
from sureflow_client._progress import ProgressBar
from sureflow_client._sheet import GAP, LINE, SIDE, contact_sheet, film_strip

Document = dict[str, Any]
Make = Callable[..., Document]
DROPPED = {
    "action_requested": "drop",
    "action_taken": "dropped",
    "by": "confidence",
    "score": 0.1,
    "threshold": 0.5,
    "attempt": 1,
    "reason": "score < threshold",
}
LEVELS = (-1.0, 0.0, 1.0)


@pytest.fixture
def images(sample_document: Make, answer: Make) -> Result:
    """Three images of one level each, and one that was dropped."""
    documents = [
        sample_document(i, shape=[1, 4, 4], data=np.full((1, 4, 4), level).tolist())
        for i, level in enumerate(LEVELS)
    ]
    gone = sample_document(3, shape=[1, 4, 4], data=None, confidence=0.1, decision=DROPPED)
    return Result.model_validate(answer(*documents, gone))


def pictures(html: str) -> list[PIL.Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [PIL.Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_a_sheet_has_every_sample_in_its_place(images: Result) -> None:
    picture = images.sheet(columns=3)
    assert picture.size == (3 * (SIDE + GAP) + GAP, 2 * (SIDE + GAP + LINE) + GAP)
    middles = [(GAP + i * (SIDE + GAP) + SIDE // 2, GAP + SIDE // 2) for i in range(3)]
    assert [picture.getpixel(at)[0] for at in middles] == [0, 128, 255]  # type: ignore[index]
    empty = (middles[0][0], middles[0][1] + SIDE + GAP + LINE)
    assert picture.getpixel(empty) == (255, 255, 255)


def test_captions_are_below_their_images(images: Result) -> None:
    band = (0, GAP + SIDE, SIDE + GAP, GAP + SIDE + LINE)
    written = np.asarray(images.sheet(columns=4).crop(band))
    blank = contact_sheet([images[0].image()], [""])
    assert (written < 100).any()
    assert (np.asarray(blank.crop(band)) == 255).all()


def test_small_images_are_enlarged_by_whole_numbers_and_large_ones_not() -> None:
    small, large = (PIL.Image.new("L", size) for size in ((28, 20), (200, 100)))
    assert contact_sheet([small], [""]).size == (84 + 2 * GAP, 60 + 2 * GAP + LINE)
    assert contact_sheet([large], [""]).size == (200 + 2 * GAP, 100 + 2 * GAP + LINE)


def test_samples_of_several_results_make_one_sheet(images: Result) -> None:
    assert sheet([*images, *images], columns=4).height > images.sheet(columns=4).height


def test_what_has_no_image_has_no_sheet(sample_document: Make, answer: Make) -> None:
    column = sample_document(shape=[2, 1], data=[[0.5], [-1.25]])
    with pytest.raises(NotAnImage, match="not an image"):
        Result.model_validate(answer(column)).sheet()
    with pytest.raises(ValueError, match="no image"):
        sheet([])


def vectors(make: Make, answer: Make, *numbers: list[float]) -> Result:
    """The first the surest, one that was dropped at the end."""
    documents = [
        make(i, shape=[len(each)], data=each, confidence=1 - i / len(numbers))
        for i, each in enumerate(numbers)
    ]
    size = len(numbers[0])
    gone = make(9, shape=[size], data=None, confidence=0.1, decision=DROPPED)
    return Result.model_validate(answer(*documents, gone))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_vectors_are_points_and_the_surest_the_darkest(
    size: int, sample_document: Make, answer: Make
) -> None:
    corners = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.25]]
    numbers = [(each + [7.0] * 3)[:size] for each in corners]
    result = vectors(sample_document, answer, *numbers)
    svg = ElementTree.fromstring(re.findall(r"<svg.*</svg>", result._repr_html_())[0])
    dots = svg.findall("circle")
    assert len(dots) == 3
    shades = [float(dot.get("opacity", "")) for dot in dots]
    assert shades == sorted(shades, reverse=True)
    left, right, between = (float(dot.get("cx", "")) for dot in dots)
    assert left < between < right
    assert between - left == pytest.approx(right - between)
    if size > 1:
        top, bottom, low = (float(dot.get("cy", "")) for dot in dots)
        assert top < low < bottom
        assert bottom - low == pytest.approx((bottom - top) / 4)
    shown = np.asarray(result.sheet().convert("L"), np.float64)
    x, y = (round(2 * float(dots[0].get(name, ""))) for name in ("cx", "cy"))
    assert shown[y, x] < 40
    assert shown[0, 0] == PAPER_LEVEL


PAPER_LEVEL = 255


def test_one_point_and_equal_ones_are_in_the_middle(sample_document: Make, answer: Make) -> None:
    for numbers in ([[1.0, 2.0]], [[1.0, 2.0]] * 3):
        html = vectors(sample_document, answer, *numbers)._repr_html_()
        assert html.count('cx="210.0" cy="210.0"') == len(numbers)
    nothing = Result.model_validate(answer(sample_document(data=None, decision=DROPPED)))
    with pytest.raises(NotAnImage):
        nothing.sheet()


def test_the_best_is_the_surest_that_was_accepted(images: Result) -> None:
    unsure = images.model_copy(
        update={
            "samples": tuple(
                sample.model_copy(update={"confidence": confidence})
                for sample, confidence in zip(images, (0.2, 0.7, 0.5, 0.9), strict=True)
            )
        }
    )
    assert unsure.best.index == 1
    with pytest.raises(MissingData, match="none of 1 samples"):
        _ = images[3:].best


def test_a_film_strip_has_rows_and_columns() -> None:
    frames = [array_image(np.full((1, 4, 4), level, np.float32)) for level in LEVELS]
    strip = film_strip([("state", frames), ("prediction", frames[::-1])], ["0", "0.5", "1"])
    right = strip.width - GAP - SIDE // 2
    assert strip.getpixel((right, GAP + SIDE // 2)) == (255, 255, 255)
    assert strip.getpixel((right, GAP + SIDE + GAP + SIDE // 2)) == (0, 0, 0)


def test_a_gallery_shows_samples_and_their_confidence(images: Result) -> None:
    html = images._repr_html_()
    assert [np.asarray(image).mean() for image in pictures(html)] == [0, 128, 255]
    captions = re.findall(r"<figcaption[^>]*>([^<]*)<", html)
    assert captions == ["0.81", "0.81", "0.81", "0.10 dropped"]
    ElementTree.fromstring(re.sub(r"(<img[^>]*)>", r"\1/>", html))


def test_a_gallery_is_bounded(sample_document: Make, answer: Make) -> None:
    many = [sample_document(i, shape=[2, 1], data=[[0.5], [-1.25]]) for i in range(MAX_SHOWN + 5)]
    html = Result.model_validate(answer(*many))._repr_html_()
    assert html.count("<figure") == MAX_SHOWN
    assert "and 5 more" in html
    assert "0.5, -1.25" in html


def test_names_are_escaped(sample_document: Make, answer: Make) -> None:
    html = Result.model_validate(answer(model="<script>"))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_confidence_that_is_no_share_says_so(sample_document: Make) -> None:
    sample = Sample.model_validate(sample_document(confidence_holds=False))
    assert "~0.81" in sample._repr_html_()
    unknown = Sample.model_validate(sample_document(confidence=None))
    assert ">?<" in unknown._repr_html_()


def test_a_profile_is_a_curve_with_its_commit_points() -> None:
    svg = ElementTree.fromstring(
        profile_svg([0, 0.5, 0.75, 1], [2.0, 1.0, None, float("nan")], [0.5])
    )
    (curve,) = svg.findall("polyline")
    points = [tuple(map(float, point.split(","))) for point in curve.get("points", "").split()]
    assert points == [(0, 0), (80, 20)]
    assert [line.get("x1") for line in svg.findall("line")] == ["80.0"]
    assert ElementTree.fromstring(profile_svg([], [])).tag == "svg"


def test_handles_edits_and_trajectories_are_shown(sample_document: Make, answer: Make) -> None:
    profile = {"t": [0.0, 0.5], "rate": [2.0, 1.0]}
    times = {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T01:00:00Z"}
    head = {"model": "ring", "model_version": "sha256:0", "parent": None, "bytes": 1, **times}
    sample = sample_document()
    handle = Handle.model_validate(
        {"id": "hdl_1", **head, "steps": 2, "frames": [], "sample": sample, "profile": profile}
        | {"commits": [{"t": 0.5, "step": 1}, {"t": 0.0, "step": 0}]}
    )
    assert handle._repr_html_().count("<line") == 2
    edit = EditResult.model_validate(
        answer(at={"t": 0.5, "step": 1}, original=sample_document(confidence=0.2), chosen=0)
    )
    assert edit._repr_html_().count("<title>") == 2
    assert edit._repr_html_().count('fill="none" stroke="currentColor" stroke-width="2"') == 1
    view = {"step": 0, "t": 0.0, "rate": 1.0, "uncertainty": 0.0, "state": [[[0.5]]]}
    seen = {"handle": "hdl_1", "media_type": "application/json", "evaluations": 0}
    trajectory = Trajectory.model_validate({**seen, "shape": [1, 1, 1], "views": [view]})
    assert len(pictures(trajectory._repr_html_())) == 1
    flat = Trajectory.model_validate({**seen, "shape": [1], "views": [{**view, "state": [0.5]}]})
    assert "<polyline" in flat._repr_html_()


def test_tensors(images: Result) -> None:
    whole = images.accepted().tensor()
    assert whole.shape == (3, 1, 4, 4)
    assert whole.numpy().tobytes() == images.accepted().array().tobytes()
    assert images[2].tensor().mean() == 1.0


@pytest.fixture
def events(sample_document: Make) -> list[Any]:
    head = {"id": "req_1", "model": "ring", "model_version": "sha256:0", "seed": 7, "n": 2}
    usage = {"evaluations": 4, "evaluations_saved": 0, "queue_s": 0.0, "compute_s": 0.1}
    samples = [Sample.model_validate(sample_document(index)) for index in (1, 0)]
    return [
        Queued.model_validate(head),
        Step(index=0, step=1, t=0.5),
        SampleEvent(sample=samples[0]),
        SampleEvent(sample=samples[1]),
        Completed.model_validate({**head, "usage": usage, "warnings": ["late"]}),
    ]


def test_events_make_a_result(events: list[Any]) -> None:
    result = collect(events)
    assert [sample.index for sample in result] == [0, 1]
    assert (result.id, result.model, result.seed, result.warnings) == (
        "req_1",
        "ring",
        7,
        ("late",),
    )
    with pytest.raises(MissingData, match="last event"):
        collect(events[:-1])


def test_progress_grows_with_every_step(
    events: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sureflow_client._progress._watched", lambda: True)
    bar = ProgressBar(True)
    assert bar._bar is not None
    grown = []
    for event in events:
        bar.update(event)
        grown.append((bar._bar.n, bar._bar.total))
    bar.close()
    assert grown == [(0, 2), (0.5, 2), (1.5, 2), (2, 2), (2, 2)]
    assert "2 made, 2 accepted" in capsys.readouterr().err


@pytest.mark.parametrize("wanted", [True, False])
def test_no_progress_where_nobody_watches(
    wanted: bool, events: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    bar = ProgressBar(wanted)
    for event in events:
        bar.update(event)
    bar.close()
    assert capsys.readouterr().err == ""
