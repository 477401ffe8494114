"""A head evaluated on fixed row counts, so that a row's bits do not depend on its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from sureflow.core.process import Bucket, Query, Reply
from sureflow.model import Model
from sureflow.sampling.blocks import Division, Evaluate, Example, verified_costs
from sureflow.sampling.compiled import compiled
from sureflow.sampling.verified import VerifiedSizes, best_rows

ROW_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Block sizes tried on a CPU."""

GPU_ROW_COUNTS = (*ROW_COUNTS, 96, 128, 192, 256)
"""Block sizes tried on a GPU, which is not busy with fewer rows."""

Verify = Callable[[Evaluate, Example, Sequence[int], torch.device], dict[int, float]]
"""Finds the block sizes in use; see :func:`~sureflow.sampling.blocks.verified_costs`."""


class Evaluator:
    """Evaluates any number of rows in padded blocks of verified sizes.

    Kernels choose their blocking by the size of the batch, and with it the order of their sums.
    The sizes used here were found to agree bit by bit when the evaluator was made; see
    :func:`~sureflow.sampling.blocks.verified_costs`. So any division into such blocks gives the
    same bits, and the fastest is used. If no size agrees with itself, every row is evaluated alone.

    Args:
        evaluate: The head: tensors by name, of ``n`` rows each, to answers by name.
        example: Rows that it may be asked for: ``example(n)`` gives its inputs for ``n`` of them.
        device: Where it runs.
        candidates: Block sizes to try; by default those that suit the device.
        known: What is known of this head; larger blocks than the best one are then left out.

    Attributes:
        best_rows: The smallest block whose cost per row is within 8 % of the lowest.
        division: Divides rows into the block sizes in use, by the seconds that a block takes.

    Raises:
        ValueError: A row's answer depends on the rows beside it, is another one each time, or is
            finite for no row of some time or label; says which.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        example: Example,
        device: torch.device | None = None,
        candidates: Sequence[int] | None = None,
        known: Verify | None = None,
    ) -> None:
        device = device or torch.device("cpu")
        candidates = candidates or (ROW_COUNTS if device.type == "cpu" else GPU_ROW_COUNTS)
        self._evaluate = evaluate
        costs = (known or verified_costs)(evaluate, example, candidates, device)
        if not costs:
            self._evaluate = _alone(evaluate, min(candidates))
            costs = verified_costs(self._evaluate, example, (1,), device)
        if not costs:
            raise ValueError("the same row gets other bits each time, even alone")
        self.best_rows = most = best_rows(costs)
        in_use = costs if known is None else {n: cost for n, cost in costs.items() if n <= most}
        self.division = Division(in_use)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The block sizes in use, ascending."""
        return tuple(self.division.costs)

    @property
    def row_cost(self) -> float:
        """Seconds of a row in the block where a row costs least."""
        return min(cost / size for size, cost in self.division.costs.items())

    def __call__(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Answers by name to rows, inputs by name of ``n`` rows each; ``n >= 1``."""
        rows = next(iter(inputs.values())).shape[0]
        blocks = self.division.blocks(rows)
        if blocks == (rows,):
            return self._evaluate(**inputs)
        if len(blocks) == 1:
            padded = {name: _pad(z, blocks[0]) for name, z in inputs.items()}
            return _first(self._evaluate(**padded), rows)
        answers, start = [], 0
        for size in blocks:
            part = {name: _pad(z[start : start + size], size) for name, z in inputs.items()}
            answers.append(_first(self._evaluate(**part), rows - start))
            start += size
        return {name: torch.cat([each[name] for each in answers]) for name in answers[0]}


def _pad(rows: Tensor, size: int) -> Tensor:
    missing = size - len(rows)
    if not missing:
        return rows
    if len(rows) == 1:
        return rows.expand(size, *rows.shape[1:]).contiguous()
    return torch.cat([rows, rows[-1:].expand(missing, *rows.shape[1:])])


def _first(answers: Mapping[str, Tensor], count: int) -> Mapping[str, Tensor]:
    return {name: z[:count] for name, z in answers.items()}


def _alone(evaluate: Evaluate, size: int) -> Evaluate:
    """Evaluate one row, as a block of copies of it."""

    def one(**inputs: Tensor) -> Mapping[str, Tensor]:
        copies = {name: z.expand(size, *z.shape[1:]).contiguous() for name, z in inputs.items()}
        return _first(evaluate(**copies), 1)

    return one


class Evaluators(dict[str, Evaluator]):
    """Evaluators by the name of the head, for one bucket; making one verifies its block sizes.

    Attributes:
        bucket: The bucket.
    """

    def __init__(
        self, model: Model, verified: VerifiedSizes | None = None, bucket: Bucket = ()
    ) -> None:
        super().__init__()
        self._model, self._verified, self.bucket = model, verified, bucket
        self._heads = model.engine.at(bucket).heads()
        self._others: dict[Bucket, Evaluators] = {}

    def __missing__(self, name: str) -> Evaluator:
        """Make the evaluator of a head; raises ValueError as :class:`Evaluator` does."""
        model, head = self._model, self._heads[name]
        how = model.compile if name == model.engine.main else "off"
        evaluate = compiled(head.evaluate, how, model.device)
        known = None if self._verified is None else partial(self._verified.costs, name)
        try:
            self[name] = Evaluator(evaluate, head.example, model.device, head.row_counts, known)
        except ValueError as error:
            if self.bucket == ():
                raise
            raise ValueError(f"at {self.bucket}: {error}") from error
        return self[name]

    def at(self, bucket: Bucket) -> Evaluators:
        """Those for rows of another bucket."""
        if bucket == self.bucket:
            return self
        if bucket not in self._others:
            self._others[bucket] = Evaluators(self._model, self._verified, bucket)
        return self._others[bucket]


def evaluators(model: Model, verified: VerifiedSizes | None = None) -> Evaluators:
    """The evaluators of a model. All its samplers share them; they live as long as the model.

    Block sizes that are known, if any, are asked for when the evaluators are made.
    """
    engine = model.engine
    if engine.evaluators is None:
        engine.evaluators = Evaluators(model, verified)
    found: Evaluators = engine.evaluators
    return found


def main_head(model: Model, bucket: Bucket = ()) -> Evaluator:
    """The evaluator of the head that most rows ask for."""
    return evaluators(model).at(bucket)[model.engine.main]


def join_and_evaluate(
    queries: Sequence[Query], at: Callable[[Bucket], Mapping[str, Evaluator]]
) -> list[Reply]:
    """Replies in the order of the queries. Rows of one head and bucket go in one batch.

    ``at`` finds the evaluators of a bucket.
    """
    groups: dict[tuple[str, Bucket], list[int]] = {}
    for number, query in enumerate(queries):
        groups.setdefault((query.head, query.bucket), []).append(number)
    replies: dict[int, Reply] = {}
    for (head, bucket), members in groups.items():
        evaluate, first = at(bucket)[head], queries[members[0]].inputs
        if len(members) == 1:
            replies[members[0]] = evaluate(first)
            continue
        whole = {name: torch.cat([queries[m].inputs[name] for m in members]) for name in first}
        out, start = evaluate(whole), 0
        for member in members:
            end = start + queries[member].rows
            replies[member] = {name: value[start:end] for name, value in out.items()}
            start = end
    return [replies[number] for number in range(len(queries))]
