"""Results as sequences, arrays and images."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sureflow_client import MissingData, Result, Sample, Selection
from sureflow_client._cli.joined import joined
from sureflow_client._decode import array_image

Document = dict[str, Any]
MakeSample = Callable[..., Document]
MakeAnswer = Callable[..., Document]

DROPPED = {
    "action_requested": "drop",
    "action_taken": "dropped",
    "by": "confidence",
    "score": 0.1,
    "threshold": 0.5,
    "attempt": 1,
    "reason": "score < threshold",
}


ABANDONED = {**DROPPED, "action_taken": "abandoned", "score": None, "abandoned_at": 0.55}


@pytest.fixture
def result(sample_document: MakeSample, answer: MakeAnswer) -> Result:
    """Four samples: middling, unknown, sure, and doubtful enough to be dropped."""
    kept = {**DROPPED, "action_taken": "accepted"}
    return Result.model_validate(
        answer(
            sample_document(0, data=[0.0, 0.5], confidence=0.5, uncertainty=5.0, decision=kept),
            sample_document(1, data=[1.0, 1.5], confidence=None, uncertainty=None, decision=kept),
            sample_document(2, data=[2.0, 2.5], confidence=0.9, uncertainty=1.0, decision=kept),
            sample_document(3, data=None, confidence=0.1, uncertainty=9.0, decision=DROPPED),
        )
    )


def test_the_fields_of_an_answer(result: Result) -> None:
    assert (result.id, result.model, result.model_version) == ("req_1", "ring", "sha256:0123")
    assert result.seed == 7
    assert result.usage.evaluations == 40
    assert result[0].commit.step == 9
    assert result[0].steps.accepted == 20


def test_what_was_selected_is_counted_anew_where_results_are_joined(result: Result) -> None:
    assert result.selection is None
    assert joined([result], result.samples).selection is None
    found = Selection(drawn_by_class={"": 1}, accepted_by_class={"": 0})
    part = result.model_copy(update={"selection": found})
    whole = joined([part], result.samples).selection
    assert whole == Selection(drawn_by_class={"": 4}, accepted_by_class={"": 3})


def test_the_best_is_the_surest_of_those_that_were_accepted(
    result: Result, sample_document: MakeSample, answer: MakeAnswer
) -> None:
    assert result.best.index == 2
    sure = sample_document(4, data=None, confidence=0.99, decision=DROPPED)
    surer = Result.model_validate(answer(*(one.model_dump(mode="json") for one in result), sure))
    assert surer.best.index == 2
    with pytest.raises(MissingData, match="none of 1 samples was accepted"):
        _ = surer[4:].best


def test_scores_are_arrays_with_nan_for_unknown(result: Result) -> None:
    assert np.array_equal(result.confidence, [0.5, np.nan, 0.9, 0.1], equal_nan=True)
    assert np.array_equal(result.uncertainty, [5.0, np.nan, 1.0, 9.0], equal_nan=True)


def test_a_result_is_a_sequence_of_samples(result: Result) -> None:
    assert len(result) == 4
    assert [sample.index for sample in result] == [0, 1, 2, 3]
    assert result[-1].index == 3
    assert isinstance(result[1:3], Result)
    assert [sample.index for sample in result[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        result[4]


def test_sorted_puts_the_surest_first_and_the_unknown_last(result: Result) -> None:
    assert [sample.index for sample in result.sorted()] == [2, 0, 3, 1]
    assert [sample.index for sample in result] == [0, 1, 2, 3]


def test_among_equals_the_less_uncertain_comes_first(
    sample_document: MakeSample, answer: MakeAnswer
) -> None:
    uncertainties = [3.0, 1.0, 2.0]
    documents = [
        sample_document(index, confidence=None, uncertainty=uncertainty)
        for index, uncertainty in enumerate(uncertainties)
    ]
    result = Result.model_validate(answer(*documents))
    assert [sample.index for sample in result.sorted()] == [1, 2, 0]


def test_accepted_leaves_out_what_was_dropped(result: Result) -> None:
    assert [sample.index for sample in result.accepted()] == [0, 1, 2]
    assert result.accepted().array().tolist() == [[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]]


@pytest.mark.parametrize(
    ("members", "accepted"),
    [
        ({}, True),
        ({"decision": {**DROPPED, "action_taken": "annotated"}}, False),
        ({"decision": {**DROPPED, "action_taken": "accepted"}}, True),
        ({"data": None, "decision": {**DROPPED, "action_taken": "regenerated"}}, False),
        ({"data": None, "decision": ABANDONED, "finish_reason": "abandoned"}, False),
        ({"data": None, "finish_reason": "diverged"}, False),
        ({"finish_reason": "diverged"}, False),
    ],
)
def test_what_counts_as_accepted(
    members: Document, accepted: bool, sample_document: MakeSample
) -> None:
    assert Sample.model_validate(sample_document(**members)).accepted is accepted


def test_reading_a_dropped_sample_says_so(result: Result) -> None:
    with pytest.raises(MissingData, match="sample 3 has no data: the filter dropped it"):
        result.array()
    with pytest.raises(MissingData, match="sample 3"):
        result[3].image()


def test_an_abandoned_sample_says_when(sample_document: MakeSample) -> None:
    sample = Sample.model_validate(
        sample_document(data=None, decision=ABANDONED, finish_reason="abandoned")
    )
    assert sample.decision is not None
    assert sample.decision.abandoned_at == 0.55
    with pytest.raises(MissingData, match="the filter abandoned it"):
        sample.array()


def test_reading_a_diverged_sample_says_so(sample_document: MakeSample) -> None:
    sample = Sample.model_validate(sample_document(data=None, finish_reason="diverged"))
    with pytest.raises(MissingData, match="sample 0 has no data: diverged"):
        sample.array()


def test_an_empty_result_has_empty_arrays(result: Result) -> None:
    assert result[:0].array().shape == (0,)
    assert result[:0].images() == []
    assert result[:0].confidence.shape == (0,)


def test_images_come_from_png_and_from_exact_data(
    sample_document: MakeSample, answer: MakeAnswer
) -> None:
    array = np.linspace(-1, 1, 6, dtype=np.float32).reshape(1, 2, 3)
    file = io.BytesIO()
    array_image(array).save(file, "PNG")
    png = base64.b64encode(file.getvalue()).decode()
    result = Result.model_validate(
        answer(
            sample_document(0, shape=[1, 2, 3], data=png, media_type="image/png"),
            sample_document(1, shape=[1, 2, 3], data=array.tolist()),
        )
    )
    first, second = result.images()
    assert first.tobytes() == second.tobytes()
    assert first.size == (3, 2)
    assert result.array().shape == (2, 1, 2, 3)
    assert np.array_equal(result[1].array(), array)
    assert np.allclose(result[0].array(), array, atol=1 / 255)


def test_maps_are_lists_or_npy(sample_document: MakeSample) -> None:
    file = io.BytesIO()
    np.save(file, np.array([1.0, 2.0], dtype=np.float32))
    npy = base64.b64encode(file.getvalue()).decode()
    for encoded in (npy, [1.0, 2.0]):
        sample = Sample.model_validate(sample_document(map=encoded))
        assert sample.map_array().tolist() == [1.0, 2.0]


def test_a_map_that_was_not_asked_for(sample_document: MakeSample) -> None:
    with pytest.raises(MissingData, match="map=True"):
        Sample.model_validate(sample_document()).map_array()


def test_results_survive_being_stored(result: Result) -> None:
    assert Result.model_validate_json(result.model_dump_json()) == result


def test_results_are_immutable_and_short_to_print(result: Result) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        result.seed = 8
    assert "data=" not in repr(result[0])


def test_newer_members_are_kept(sample_document: MakeSample) -> None:
    sample = Sample.model_validate(sample_document(novelty={"id": 1}))
    assert sample.model_extra == {"novelty": {"id": 1}}
