"""What can go wrong in the engine, as a tree.

* EngineError
  * StartupError        no worker came up; nothing can be served
  * Refused             a request was not accepted; no work was done
    * NotReady          the worker is still loading
    * Draining          the server is about to end
    * QueueFull         too many samples are under way; ``retry_after_s`` says when to try again
  * RequestFailed       an accepted request ended without its samples
"""


class EngineError(Exception):
    """Root of what the engine raises on purpose."""


class StartupError(EngineError):
    """No worker came up, or not with the models that are needed."""


class Refused(EngineError):
    """The request was not accepted.

    Attributes:
        retry_after_s: Seconds after which another attempt makes sense.
    """

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotReady(Refused):
    """The worker is still loading."""


class Draining(Refused):
    """The server finishes what it has and takes nothing new."""


class QueueFull(Refused):
    """As many samples as the server holds are under way."""


class RequestFailed(EngineError):
    """An accepted request ended without its samples."""
