"""What can go wrong in the engine, as a tree.

* EngineError
  * StartupError        no worker came up; nothing can be served
  * RefusedError             a request was not accepted; no work was done
    * NotReadyError          the worker is still loading
    * DrainingError          the server is about to end
    * QueueFullError         too many samples are under way; see ``retry_after_s``
  * RequestFailedError       an accepted request ended without its samples
"""


class EngineError(Exception):
    """Root of what the engine raises on purpose."""


class StartupError(EngineError):
    """No worker came up, or not with the models that are needed."""


class RefusedError(EngineError):
    """The request was not accepted.

    Attributes:
        retry_after_s: Seconds after which another attempt makes sense.
    """

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotReadyError(RefusedError):
    """The worker is still loading."""


class DrainingError(RefusedError):
    """The server finishes what it has and takes nothing new."""


class QueueFullError(RefusedError):
    """As many samples as the server holds are under way."""


class DeadlineUnreachableError(RefusedError):
    """With what is under way already, the request would not be done by its deadline."""


class RequestFailedError(EngineError):
    """An accepted request ended without its samples."""


class DeadlineError(RequestFailedError):
    """The deadline passed before all samples were done."""
