"""Pieces of JSON are together what is encoded at once, and none of them is large."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sureflow_server.api.json_pieces import MOST, pieces, text

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
FINITE = SCALARS.filter(lambda value: value not in (float("inf"), float("-inf")))
DOCUMENTS = st.recursive(
    FINITE, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


def at_once(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@settings(max_examples=30, deadline=None)
@given(DOCUMENTS, st.sampled_from([0, 1, MOST, 2 * MOST + 3]))
def test_they_are_what_is_encoded_at_once(value: Any, many: int) -> None:
    large = {"numbers": [value] * many, "é": [[0.1] * many, value], "text": "x" * many}
    for each in (value, large, [large, value], tuple([value] * many)):
        assert text(each) == at_once(each)


def test_none_takes_long() -> None:
    numbers = [[[0.1] * 50] * 50] * 20
    document = {"samples": iter([{"data": numbers, "index": n} for n in range(3)])}
    made = [*pieces(document)]
    assert max(map(len, made)) <= 6 * MOST
    whole = {"samples": [{"data": numbers, "index": n} for n in range(3)]}
    assert b"".join(made) == at_once(whole)


def test_what_is_encoded_already_is_not_encoded_again() -> None:
    record = b'{"index":0}'
    made = [*pieces({"samples": iter([record, {"index": 1}]), "n": 2})]
    assert b"".join(made) == b'{"samples":[{"index":0},{"index":1}],"n":2}'
    assert any(piece is record for piece in made), "shared, not copied"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_has_not_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        text({"rate": [0.0] * MOST + [number]})
