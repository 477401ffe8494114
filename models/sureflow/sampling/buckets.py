"""The buckets of a sampler: for each shape, the processes of its lanes, and what rows cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sureflow.core.lanes import Lanes, Listener
from sureflow.core.process import Bucket, Phases, Query
from sureflow.model import Model
from sureflow.sampling.evaluator import Evaluator, evaluators


class Buckets:
    """Makes the phases of each bucket when a lane of it is first admitted.

    A slot is the same number in all of them, and one lane has it in one of them.

    Args:
        model: The model.
        capacity: Number of slots.
        listener: Called with a slot, a time and statistics, for every lane at every step.
    """

    def __init__(self, model: Model, capacity: int, listener: Listener | None = None) -> None:
        self.heads = evaluators(model)
        self._engine, self._capacity, self._listener = model.engine, capacity, listener
        self._early = model.calibration.early if model.calibration else {}
        self._phases: dict[Bucket, Phases] = {}
        self._clock = 0.0, 1.0
        self.phases(())

    def phases(self, bucket: Bucket) -> Phases:
        """The phases of a bucket.

        Raises:
            ValueError: The network's rows cannot be evaluated in its shape.
        """
        if bucket not in self._phases:
            self._main(bucket)  # verified here rather than in the first tick
            phases = self._engine.at(bucket).phases(self._capacity, self._early)
            if self._listener is not None:
                phases.lanes.listener = self._listener
            phases.lanes.now, phases.lanes.tick_s = self._clock
            self._phases[bucket] = phases
        return self._phases[bucket]

    def lanes(self, bucket: Bucket) -> Lanes:
        """The lanes of a bucket that has been asked for before."""
        return self._phases[bucket].lanes

    @property
    def nbytes(self) -> int:
        """Bytes of the state of all lanes."""
        return sum(lanes.nbytes for lanes in self._all())

    def set_clock(self, now: float, tick_s: float) -> None:
        """Set the current time and the duration of a tick, which lanes with a deadline use."""
        self._clock = now, tick_s
        for lanes in self._all():
            lanes.now, lanes.tick_s = now, tick_s

    def weight(self, bucket: Bucket) -> float:
        """Measured cost of a row, in rows of the default bucket."""
        return self._main(bucket).row_cost / self._main(()).row_cost

    def weighed(self, rows: Mapping[Bucket, int]) -> int:
        """Rows by bucket in rows of the default one."""
        return round(sum(count * self.weight(bucket) for bucket, count in rows.items()))

    def seconds(self, rows: Mapping[Bucket, int]) -> float:
        """Expected seconds of a tick with these rows by bucket."""
        return sum(self._main(bucket).division.cost(count) for bucket, count in rows.items())

    def _main(self, bucket: Bucket) -> Evaluator:
        """The evaluator of the head that most rows ask for."""
        return self.heads.at(bucket)[self._engine.main]

    def _all(self) -> Iterator[Lanes]:
        return (phases.lanes for phases in self._phases.values())


def rows_of(queries: Iterable[Query]) -> dict[Bucket, int]:
    """Rows of each bucket."""
    found: dict[Bucket, int] = {}
    for query in queries:
        found[query.bucket] = found.get(query.bucket, 0) + query.rows
    return found
