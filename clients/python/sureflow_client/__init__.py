"""Client of Sureflow, the inference server that says how sure it is of every sample.

>>> from sureflow_client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     result = client.generate("fashion", n=4, seed=7, label=3)
>>> result.sorted().confidence
array([...])
"""

from ._async_client import AsyncClient
from ._client import Client
from ._events import Completed, Event, Queued, SampleEvent, Started, Step
from ._exceptions import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    DeadlineExceeded,
    DeadlineUnreachable,
    FieldError,
    InvalidRequest,
    LimitExceeded,
    MissingData,
    ModelFailed,
    NotFound,
    NotReady,
    PayloadTooLarge,
    PermissionDenied,
    ProblemError,
    QueueFull,
    ServerError,
    SureflowError,
    UnexpectedResponse,
    UnknownModel,
)
from ._model import Model
from ._request import Filter, GenerateOptions
from ._result import Result, Usage
from ._retry import Retry
from ._sample import Commit, Decision, Profile, Sample, Steps
from ._version import __version__

__all__ = [
    "APIConnectionError",
    "APITimeoutError",
    "AsyncClient",
    "AuthenticationError",
    "Client",
    "Commit",
    "Completed",
    "DeadlineExceeded",
    "DeadlineUnreachable",
    "Decision",
    "Event",
    "FieldError",
    "Filter",
    "GenerateOptions",
    "InvalidRequest",
    "LimitExceeded",
    "MissingData",
    "Model",
    "ModelFailed",
    "NotFound",
    "NotReady",
    "PayloadTooLarge",
    "PermissionDenied",
    "ProblemError",
    "Profile",
    "QueueFull",
    "Queued",
    "Result",
    "Retry",
    "Sample",
    "SampleEvent",
    "ServerError",
    "Started",
    "Step",
    "Steps",
    "SureflowError",
    "UnexpectedResponse",
    "UnknownModel",
    "Usage",
    "__version__",
]
