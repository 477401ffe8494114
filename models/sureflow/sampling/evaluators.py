"""The evaluators of a model's heads, each made when it is first used, and queries to them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import torch

from sureflow.core.process import Query, Reply
from sureflow.model import Model
from sureflow.sampling.compiled import compiled
from sureflow.sampling.evaluator import Evaluator


class Evaluators(dict[str, Evaluator]):
    """Evaluators by the name of the head; making one verifies its block sizes."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model, self._heads = model, model.engine.heads()

    def __missing__(self, name: str) -> Evaluator:
        """Make the evaluator of a head; raises ValueError as :class:`Evaluator` does."""
        model, head = self._model, self._heads[name]
        how = model.compile if name == model.engine.main else "off"
        evaluate = compiled(head.evaluate, how, model.device)
        self[name] = Evaluator(evaluate, head.example, model.device, head.row_counts)
        return self[name]


def evaluators(model: Model) -> Evaluators:
    """The evaluators of a model. All its samplers share them; they live as long as the model."""
    engine = model.engine
    if engine.evaluators is None:
        engine.evaluators = Evaluators(model)
    found: Evaluators = engine.evaluators
    return found


def main_head(model: Model) -> Evaluator:
    """The evaluator of the head that most rows ask for."""
    return evaluators(model)[model.engine.main]


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
