"""What a streamed request reports while it runs."""

from __future__ import annotations

from collections.abc import Iterable

from httpx_sse import ServerSentEvent

from ._exceptions import MissingData, UnexpectedResponse
from ._problem import json_object, problem_error
from ._result import Answered, Asked, Result
from ._sample import Sample
from ._wire import Wire, read


class Queued(Asked):
    """The request was accepted and waits; always the first event."""

    n: int
    """How many samples will come, at least: a filter may call for more."""


class Started(Wire):
    """The first samples of the request are being made."""

    n: int
    """How many samples will come, at least: a filter may call for more."""


class Step(Wire):
    """A running sample has reached a step."""

    index: int
    """Position of the sample in the request."""

    step: int
    """The step that begins, from 0."""

    t: float
    """Flow time there, in [0, 1]; 0 is noise."""


class SampleEvent(Wire):
    """A sample is finished; samples arrive as they finish, not in order of index.

    Where a decision takes all samples of the request, as with the filter ``top``, at the end.
    """

    sample: Sample
    """The sample, as `Result` would hold it."""


class Completed(Answered):
    """Every sample is finished; always the last event."""

    n: int
    """How many samples came."""


Event = Queued | Started | Step | SampleEvent | Completed

KINDS: tuple[type[Queued | Started | Step | Completed], ...] = (Queued, Started, Step, Completed)


def read_event(message: ServerSentEvent) -> Event | None:
    """Return the event in a message; ``None`` for heartbeats and events of a newer server.

    Raises:
        ProblemError: The message is the ``error`` event.
        UnexpectedResponse: The message does not fit its event.
    """
    if message.event == "error":
        document = json_object(message.data)
        if document is None:
            raise UnexpectedResponse("the stream's error event carries no problem document")
        raise problem_error(document)
    if message.event == "sample":
        return SampleEvent(sample=read(Sample, message.data))
    kind = next((one for one in KINDS if one.__name__.lower() == message.event), None)
    return None if kind is None else read(kind, message.data)


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
            known = {name: getattr(event, name) for name in Answered.model_fields}
            return Result(**known, samples=tuple(sorted(samples, key=lambda one: one.index)))
    raise MissingData("the stream was left before its last event")
