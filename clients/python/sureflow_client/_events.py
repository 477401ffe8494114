"""What a streamed request reports while it runs."""

from __future__ import annotations

import json

from httpx_sse import ServerSentEvent

from ._call import read
from ._exceptions import UnexpectedResponse
from ._problem import problem_error
from ._result import Usage
from ._sample import Sample
from ._wire import Wire


class Queued(Wire):
    """The request was accepted and waits; always the first event."""

    id: str
    """The server's name for the request."""

    model: str
    """Name of the model that answers."""

    model_version: str
    """Its checksum."""

    seed: int
    """Seed of the request."""

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


class Completed(Wire):
    """Every sample is finished; always the last event."""

    id: str
    """The server's name for the request."""

    model: str
    """Name of the model that answered."""

    model_version: str
    """Its checksum; equal version, seed and request give equal samples."""

    seed: int
    """Seed of the request."""

    n: int
    """How many samples came."""

    usage: Usage
    """What the whole request cost."""

    calibration_version: str | None = None
    """Of what turned scores into confidence; ``None`` where the model is not calibrated."""

    warnings: tuple[str, ...] = ()
    """What went wrong and did not keep the samples from being made."""


Event = Queued | Started | Step | SampleEvent | Completed

EVENTS: dict[str, type[Queued] | type[Started] | type[Step] | type[Completed]] = {
    "queued": Queued,
    "started": Started,
    "step": Step,
    "completed": Completed,
}


def read_event(message: ServerSentEvent) -> Event | None:
    """Return the event in a message; ``None`` for heartbeats and events of a newer server.

    Raises:
        ProblemError: The message is the ``error`` event.
        UnexpectedResponse: The message does not fit its event.
    """
    if message.event == "error":
        raise problem_error(_document(message.data))
    if message.event == "sample":
        return SampleEvent(sample=read(Sample, message.data))
    kind = EVENTS.get(message.event)
    return None if kind is None else read(kind, message.data)


def _document(text: str) -> dict[str, object]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UnexpectedResponse("the stream's error event carries no problem document")
    return document
