"""Queries of several processes: what is evaluated together, and whose answer is whose."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sureflow.core.process import Query
from sureflow.sampling.evaluator import join_and_evaluate


class Head:
    """Answers with twice ``a`` and the sum of ``b`` over a row; notes how many rows it was asked.

    Stands for an :class:`~sureflow.sampling.evaluator.Evaluator`.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.calls: list[Mapping[str, Tensor]] = []

    def __call__(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        self.calls.append(inputs)
        return {"twice": self.factor * 2 * inputs["a"], "sum": inputs["b"].sum(1)}

    @property
    def rows(self) -> list[int]:
        return [len(inputs["a"]) for inputs in self.calls]


def query(head: str, *numbers: float, bucket: Hashable = (), width: int = 2) -> Query:
    a = torch.tensor(numbers)
    return Query(head, {"a": a, "b": a[:, None].expand(-1, width).clone()}, bucket)


def test_rows_of_one_head_are_one_batch_and_land_where_they_belong() -> None:
    heads = {"velocity": Head(), "jvp": Head(10.0)}
    queries = [
        query("velocity", 1, 2),
        query("jvp", 3),
        query("velocity", 4),
        query("jvp", 5, 6, 7),
        query("velocity", 8, 9),
    ]
    replies = join_and_evaluate(queries, lambda bucket: heads)
    assert [reply["twice"].tolist() for reply in replies] == [
        [2, 4],
        [60],
        [8],
        [100, 120, 140],
        [16, 18],
    ]
    assert [reply["sum"].tolist() for reply in replies] == [
        [2, 4],
        [6],
        [8],
        [10, 12, 14],
        [16, 18],
    ]
    assert (heads["velocity"].rows, heads["jvp"].rows) == ([5], [4])
    assert heads["velocity"].calls[0]["a"].tolist() == [1, 2, 4, 8, 9]


def test_rows_of_another_bucket_are_another_batch() -> None:
    """Their shapes differ, so that they could not be joined."""
    heads = {"velocity": Head()}
    queries = [
        query("velocity", 1, bucket=3, width=3),
        query("velocity", 2, bucket=5, width=5),
        query("velocity", 3, 4, bucket=3, width=3),
    ]
    assert [
        reply["sum"].tolist() for reply in join_and_evaluate(queries, lambda bucket: heads)
    ] == [
        [3],
        [10],
        [9, 12],
    ]
    assert heads["velocity"].rows == [3, 1]


def test_a_query_alone_is_passed_through_without_a_copy() -> None:
    heads = {"velocity": Head()}
    one = query("velocity", 1, 2)
    (reply,) = join_and_evaluate([one], lambda bucket: heads)
    assert heads["velocity"].calls[0] is one.inputs
    assert reply["twice"].tolist() == [2, 4]


def test_heads_that_nobody_asks_are_not_even_made() -> None:
    class Lazy(dict[str, Head]):
        def __missing__(self, name: str) -> Head:
            self[name] = Head()
            return self[name]

    heads = Lazy()
    join_and_evaluate([query("velocity", 1), query("velocity", 2)], lambda bucket: heads)
    assert [*heads] == ["velocity"]
    assert join_and_evaluate([], lambda bucket: heads) == []


def test_an_unknown_head_is_an_error() -> None:
    with pytest.raises(KeyError, match="decoder"):
        join_and_evaluate([query("decoder", 1)], lambda bucket: {"velocity": Head()})


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["velocity", "jvp"]), st.integers(1, 3), st.sampled_from(["", "wide"])
        ),
        max_size=8,
    )
)
def test_company_changes_no_answer(asked: list[tuple[str, int, str]]) -> None:
    heads = {"velocity": Head(), "jvp": Head(3.0)}
    queries = [
        query(
            head,
            *(10.0 * number + row for row in range(rows)),
            bucket=bucket,
            width=4 if bucket else 2,
        )
        for number, (head, rows, bucket) in enumerate(asked)
    ]
    together = join_and_evaluate(queries, lambda bucket: heads)
    calls = sum(len(head.calls) for head in heads.values())
    assert calls == len({(head, bucket) for head, _, bucket in asked})
    for one, reply in zip(queries, together, strict=True):
        (alone,) = join_and_evaluate([one], lambda bucket: heads)
        assert all(torch.equal(reply[name], alone[name]) for name in ("twice", "sum"))
        assert one.rows == len(reply["sum"])
