"""Joins the queries of several processes, so that their rows are evaluated together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import torch

from sureflow.core.process import Query, Reply
from sureflow.sampling.evaluator import Evaluator


def join_and_evaluate(queries: Sequence[Query], heads: Mapping[str, Evaluator]) -> list[Reply]:
    """Replies in the order of the queries. Rows of one head and bucket go in one batch."""
    groups: dict[tuple[str, Hashable], list[int]] = {}
    for number, query in enumerate(queries):
        groups.setdefault((query.head, query.bucket), []).append(number)
    replies: dict[int, Reply] = {}
    for (head, _), members in groups.items():
        first = queries[members[0]].inputs
        if len(members) == 1:
            replies[members[0]] = heads[head](first)
            continue
        whole = {name: torch.cat([queries[m].inputs[name] for m in members]) for name in first}
        out, start = heads[head](whole), 0
        for member in members:
            end = start + queries[member].rows
            replies[member] = {name: value[start:end] for name, value in out.items()}
            start = end
    return [replies[number] for number in range(len(queries))]
