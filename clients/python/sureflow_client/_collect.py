"""From the events of a stream to a result."""

from __future__ import annotations

from collections.abc import Iterable

from ._events import Completed, Event, SampleEvent
from ._exceptions import MissingData
from ._result import Result


def collect(events: Iterable[Event]) -> Result:
    """Return the result that `Client.generate` would have returned, of the events of a stream.

    Raises:
        MissingData: The events do not end with `Completed`.
    """
    samples = []
    for event in events:
        if isinstance(event, SampleEvent):
            samples.append(event.sample)
        if isinstance(event, Completed):
            return Result(
                id=event.id,
                model=event.model,
                model_version=event.model_version,
                seed=event.seed,
                samples=tuple(sorted(samples, key=lambda sample: sample.index)),
                usage=event.usage,
                calibration_version=event.calibration_version,
                warnings=event.warnings,
            )
    raise MissingData("the stream was left before its last event")
