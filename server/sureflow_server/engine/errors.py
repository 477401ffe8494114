"""What can go wrong in the engine, as a tree.

* EngineError
  * StartupError        no worker came up; nothing can be served
  * RefusedError             a request was not accepted; no work was done
    * NotReadyError          the worker is still loading
    * DrainingError          the server is about to end
    * LoadUnderWayError      a model is being loaded, and one is at a time
    * QueueFullError         too much is under way; see ``retry_after_s``
    * QuotaError             too many samples of this client are
    * RateError              the client's samples come too fast
    * DeadlineUnreachableError  there is no time
  * TooManySamplesError      the client may never have so many in one request, nor anybody
  * ImpossibleError          the model cannot make what was asked for
  * RequestFailedError       an accepted request ended without its samples
    * DeadlineError          not in time
    * OutOfMemoryError       no memory for a single one of its lanes
  * LoadError                a model cannot be taken into service, or out of it
    * NoSuchModelError       since there is none
"""


class EngineError(Exception):
    """Root of what the engine raises on purpose.

    Attributes:
        kind: What clients know it as.
        retry_after_s: Seconds after which another attempt makes sense; ``None`` if nobody knows.
    """

    kind = "internal"
    retry_after_s: float | None = None


class StartupError(EngineError):
    """No worker came up, or not with the models that are needed."""


class RefusedError(EngineError):
    """The request was not accepted."""

    def __init__(self, message: str, retry_after_s: float = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotReadyError(RefusedError):
    """The worker is still loading."""

    kind = "not-ready"


class DrainingError(RefusedError):
    """The server finishes what it has and takes nothing new."""

    kind = "draining"


class LoadUnderWayError(RefusedError):
    """A model is being loaded, or workers that models were loaded away from are not done yet."""

    kind = "load-under-way"


class QueueFullError(RefusedError):
    """As much as the server holds is under way."""

    kind = "queue-full"


class QuotaError(RefusedError):
    """As many samples of this client as may be are under way."""

    kind = "quota-exceeded"


class RateError(RefusedError):
    """The client has started as many samples as it may for now."""

    kind = "rate-exceeded"


class DeadlineUnreachableError(RefusedError):
    """With what is under way already, the request would not be done by its deadline."""

    kind = "deadline-unreachable"


class TooManySamplesError(EngineError):
    """One request asks for more than its client, or the server, may ever have under way."""


class ImpossibleError(EngineError):
    """The model cannot make what was asked for; the message begins with the name of a field."""


class RequestFailedError(EngineError):
    """An accepted request ended without its samples."""

    kind = "request-failed"


class OutOfMemoryError(RequestFailedError):
    """There was no memory for a single lane of it; later there may be."""

    kind = "out-of-memory"
    retry_after_s = 5.0


class LoadError(EngineError):
    """A model cannot be taken into service, or out of it; what was in service still is."""

    kind = "load-failed"


class NoSuchModelError(LoadError):
    """There is no such folder, or no such model in service."""

    kind = "unknown-model"


class DeadlineError(RequestFailedError):
    """The deadline passed before all samples were done."""

    kind = "deadline-exceeded"
