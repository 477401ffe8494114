"""What can go wrong, as a tree.

* SureflowError
  * InvalidArgument                what was given cannot be sent; nothing was asked
  * APIConnectionError             no answer: refused, unreachable, or cut off half way
    * APITimeoutError              no answer in time
  * NotAnImage                     what is to be drawn is no image: of another shape, or not finite
  * UnexpectedResponse             an answer that is not Sureflow's; is the URL right?
  * MissingData                    the sample has no data or no map: dropped, or not asked for
  * ProblemError                   a problem document (RFC 9457) from the server
    * InvalidRequest               400, 405, 406, 408, 415, 422: the request is wrong; see `fields`
    * AuthenticationError          401: API key missing, unknown, expired or revoked
    * PermissionDenied             403: API key without the needed scope
    * NotFound                     404: no such path
      * UnknownModel                    no such model
      * UnknownHandle                   no such handle, or not one's own
      * UnknownJob                      no such job, or not one's own, or forgotten
    * Conflict                     409: the request does not fit the state of things
      * VersionGone                     the handle's model version is not loaded any more
      * JobCancelled                    its owner cancelled the job
      * LoadFailed                      a model could not be loaded; what was there still is
    * Gone                         410: it was there, and is no more
      * HandleExpired                   the handle has outlived its time, or made room for others
      * HandleDamaged                   what was kept of the handle is damaged; delete it
    * PayloadTooLarge              413, 414, 431: more bytes than the server takes
    * QueueFull                    429: the server is busy; `retry_after` says how long
      * DeadlineUnreachable          too busy for the request's deadline
      * LimitExceeded                the API key has used its rate or its quota
    * ServerError                  5xx: the fault is the server's
      * NotReady                   503: starting or shutting down; `retry_after` says how long
        * ModelUnloaded                 the model has been taken out of service
      * ModelFailed                503: the model could not be loaded
      * StoreUnavailable           503: the store of handles is away; `retry_after` says how long
      * DeadlineExceeded           504: the deadline passed before all samples were done
      * StoreFull                  507: no room for another handle; delete some
"""

from __future__ import annotations

from dataclasses import dataclass


class SureflowError(Exception):
    """Root of everything that this package raises on purpose."""


class InvalidArgument(SureflowError, TypeError, ValueError):
    """What was given cannot be sent, so that nothing was asked; the message says what to give.

    It is a `TypeError` and a `ValueError` too, for code that expects what Python raises.
    """


class NotAnImage(SureflowError, ValueError):
    """What is to be drawn is no image: of another shape, not finite, or not there."""


class APIConnectionError(SureflowError):
    """The server gave no answer, or its answer broke off."""


class APITimeoutError(APIConnectionError):
    """The server gave no answer in time."""


class UnexpectedResponse(SureflowError):
    """The answer is not what a Sureflow server sends: another service, or a version too far off."""


class MissingData(SureflowError):
    """The sample does not carry what was read: it was dropped, or the request did not ask."""


@dataclass(frozen=True)
class FieldError:
    """One complaint about one field of a request.

    Attributes:
        field: Path of the field, joined by dots, such as ``sampler.steps``.
        message: What is wrong with it.
    """

    field: str
    message: str


KINDS: dict[str | int, type[ProblemError]] = {}
"""Classes of problems by their types, and by their statuses."""


@dataclass(eq=False)
class ProblemError(SureflowError):
    """The server answered with a problem document (RFC 9457).

    Attributes:
        status: HTTP status.
        type: URI or name of the kind of problem; stable, for programs.
        title: The kind of problem in words.
        detail: This occurrence in words, or ``""``.
        request_id: The server's name for the request, to find it in the logs; or ``None``.
        errors: One entry per field in trouble.
        retry_after: Seconds after which the server suggests to try again, or ``None``.
    """

    status: int
    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    request_id: str | None = None
    errors: tuple[FieldError, ...] = ()
    retry_after: float | None = None

    def __init_subclass__(cls, means: tuple[str | int, ...] = ()) -> None:
        """Make a class known by the types of its problems, or by the statuses of all others."""
        KINDS.update(dict.fromkeys(means, cls))

    @property
    def fields(self) -> tuple[str, ...]:
        """Paths of the fields in trouble, such as ``("sampler.steps",)``."""
        return tuple(error.field for error in self.errors)

    def __str__(self) -> str:
        complaints = "; ".join(f"{error.field}: {error.message}" for error in self.errors)
        parts = [part for part in (self.title, self.detail or complaints) if part]
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status} {': '.join(parts)}{request}"


class InvalidRequest(ProblemError, means=(400, 405, 406, 408, 415, 422)):
    """The request is malformed or a value is out of range."""


class AuthenticationError(ProblemError, means=(401,)):
    """The API key is missing, unknown, expired or revoked."""


class PermissionDenied(ProblemError, means=(403,)):
    """The API key may not do this; ``detail`` names the scope that it lacks."""


class NotFound(ProblemError, means=(404,)):
    """No such path."""


class UnknownModel(NotFound, means=("unknown-model",)):
    """The server has no model of that name."""


class UnknownHandle(NotFound, means=("unknown-handle",)):
    """The server has no handle of that name, or somebody else's."""


class UnknownJob(NotFound, means=("unknown-job",)):
    """The server has no job of that name, or somebody else's, or has forgotten it."""


class Conflict(ProblemError, means=(409,)):
    """The request does not fit the state of things on the server."""


class VersionGone(Conflict, means=("version-gone",)):
    """The version of the model that made the trajectory is not loaded any more."""


class JobCancelled(Conflict, means=("cancelled",)):
    """The job was cancelled, by whoever made it."""


class LoadFailed(Conflict, means=("load-failed",)):
    """The model could not be loaded; what was in service before still is."""


class Gone(ProblemError, means=(410,)):
    """What the request names was there, and is no more."""


class HandleExpired(Gone, means=("handle-expired",)):
    """The handle has outlived its time; the same request makes the same sample again."""


class HandleDamaged(Gone, means=("handle-damaged",)):
    """What the server kept of it is damaged; the same request makes the same sample again."""


class PayloadTooLarge(ProblemError, means=(413, 414, 431)):
    """More bytes than the server takes in one request."""


class QueueFull(ProblemError, means=(429,)):
    """The server's queue is full and the retries are spent; see ``retry_after``."""


class DeadlineUnreachable(QueueFull, means=("deadline-unreachable",)):
    """With what is under way already, the request would not be done by its ``deadline_s``."""


class LimitExceeded(QueueFull, means=("quota-exceeded", "rate-exceeded")):
    """The API key has as many samples under way, or has started as many, as it may for now."""


class ServerError(ProblemError):
    """The server failed; the request may be right."""


class NotReady(ServerError, means=(503,)):
    """The server is starting or shutting down and the retries are spent; see ``retry_after``."""


class ModelUnloaded(NotReady, means=("model-unloaded",)):
    """The model has been taken out of service, until somebody loads it again."""


class ModelFailed(ServerError, means=("model-failed",)):
    """The server knows the model but could not load it."""


class StoreUnavailable(ServerError, means=("store-unavailable",)):
    """The server cannot reach its store of handles; see ``retry_after``."""


class StoreFull(ServerError, means=("store-full",)):
    """The server's store has no room for another handle; delete some, or wait for some to end."""


class DeadlineExceeded(ServerError, means=(504,)):
    """The request's ``deadline_s`` passed before all samples were done."""
