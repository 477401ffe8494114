from __future__ import annotations

import pytest

from tests.documents.outputs import same


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("0.70 probe", "0.6951 probe"),
        ("[0.7  0.46] (2, 1)", "[0.7 0.46]\n(2, 1)"),
        ("handle hdl_abc...", "handle hdl_X-9 and more"),
        ("done in 3.2 s", "done in 14 s"),
        ("job_a", "job_b"),
        ("first\n...\nlast 3", "first\nsecond\nthird\nlast 3"),
        ('{"a": 1.0, "id": "req_1"}', '{"id": "req_2", "a": 1.01, "more": [1]}'),
        ('{"a": [{"b": null}]}', '{"a": [{"b": null, "c": 1}]}'),
    ],
)
def test_what_is_the_same(said: str, printed: str) -> None:
    assert same(said, printed)


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("0.70 probe", "0.75 probe"),
        ("0.70 probe", "0.70 likelihood"),
        ("0.70", "0.70 0.46"),
        ("-1.5", "1.5"),
        ("True 48", "False 48"),
        ("job_a", "hello"),
        ('{"a": 1.0}', '{"b": 1.0}'),
        ('{"a": 1.0}', '{"a": 1.2}'),
        ('{"a": [1]}', '{"a": [1, 1]}'),
        ('{"a": true}', '{"a": 1}'),
        ('{"a": null}', '{"a": 0}'),
        ('{"a": "accepted"}', '{"a": "dropped"}'),
    ],
)
def test_what_is_not(said: str, printed: str) -> None:
    assert not same(said, printed)


def test_what_is_roughly_the_same() -> None:
    """As trainings that differ by rounding are."""
    assert same("misfit 1.61, 0.38", "misfit 1.4, 0.2", roughly=True)
    assert not same("misfit 1.61", "misfit 2.4", roughly=True)
    assert not same("keeps beside", "keeps inside", roughly=True)
    assert same('{"a": [8.0]}', '{"a": [9.5]}', roughly=True)
