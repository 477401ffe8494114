"""Client of Sureflow, the inference server that says how sure it is of every sample.

>>> from sureflow_client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     result = client.generate("fashion", n=4, seed=7, label=3)
>>> result.sorted().confidence
array([...])
"""

from httpx import Timeout

from ._async.client import AsyncClient
from ._async.jobs import AsyncJobs
from ._calibration import Calibration, Check
from ._decision import Decision, JudgeDecision, Rung
from ._edit_result import BranchPoint, EditResult
from ._events import Completed, Event, Queued, SampleEvent, Started, Step, collect
from ._exceptions import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    Conflict,
    DeadlineExceeded,
    DeadlineUnreachable,
    FieldError,
    Gone,
    HandleDamaged,
    HandleExpired,
    InvalidArgument,
    InvalidRequest,
    JobCancelled,
    LimitExceeded,
    LoadFailed,
    MissingData,
    ModelFailed,
    ModelUnloaded,
    NotAnImage,
    NotFound,
    NotReady,
    PayloadTooLarge,
    PermissionDenied,
    ProblemError,
    QueueFull,
    ServerError,
    StoreFull,
    StoreUnavailable,
    SureflowError,
    UnexpectedResponse,
    UnknownHandle,
    UnknownJob,
    UnknownModel,
    VersionGone,
)
from ._handle import Asked, Frame, Handle, HandleSummary
from ._job import Job, JobCounts, JobProgress, JobSummary, LaneProgress
from ._model import Model, Models
from ._molecule import molecule_svg
from ._moment import AtCommit, AtStep, AtTime
from ._operations import Condition, Guide, Inpaint, Operation, OperationLike, Resample, Uncertain
from ._options import EditOptions, Filter, GenerateOptions, InvertOptions, Rewind, SecondStage
from ._profile import Commit, Profile
from ._refit import Interval, Refit
from ._replay import Replay
from ._request import edit_body, generate_body
from ._result import JudgeUsage, Result, Selection, Usage
from ._retry import Retry
from ._review import Certificate, CurvePoint, Needed, Proposed, Review
from ._sample import HandleLink, Sample, Steps
from ._sheet import sheet
from ._structure import Atom, Structure
from ._sync.client import Client
from ._sync.jobs import Jobs
from ._trajectory import Trajectory, View
from ._verdict import Judged, Verdict, VerdictsKept, Withdrawn
from ._version import __version__

__all__ = [
    "APIConnectionError",
    "APITimeoutError",
    "Asked",
    "AsyncClient",
    "AsyncJobs",
    "AtCommit",
    "AtStep",
    "AtTime",
    "Atom",
    "AuthenticationError",
    "BranchPoint",
    "Calibration",
    "Certificate",
    "Check",
    "Client",
    "Commit",
    "Completed",
    "Condition",
    "Conflict",
    "CurvePoint",
    "DeadlineExceeded",
    "DeadlineUnreachable",
    "Decision",
    "EditOptions",
    "EditResult",
    "Event",
    "FieldError",
    "Filter",
    "Frame",
    "GenerateOptions",
    "Gone",
    "Guide",
    "Handle",
    "HandleDamaged",
    "HandleExpired",
    "HandleLink",
    "HandleSummary",
    "Inpaint",
    "Interval",
    "InvalidArgument",
    "InvalidRequest",
    "InvertOptions",
    "Job",
    "JobCancelled",
    "JobCounts",
    "JobProgress",
    "JobSummary",
    "Jobs",
    "JudgeDecision",
    "JudgeUsage",
    "Judged",
    "LaneProgress",
    "LimitExceeded",
    "LoadFailed",
    "MissingData",
    "Model",
    "ModelFailed",
    "ModelUnloaded",
    "Models",
    "Needed",
    "NotAnImage",
    "NotFound",
    "NotReady",
    "Operation",
    "OperationLike",
    "PayloadTooLarge",
    "PermissionDenied",
    "ProblemError",
    "Profile",
    "Proposed",
    "QueueFull",
    "Queued",
    "Refit",
    "Replay",
    "Resample",
    "Result",
    "Retry",
    "Review",
    "Rewind",
    "Rung",
    "Sample",
    "SampleEvent",
    "SecondStage",
    "Selection",
    "ServerError",
    "Started",
    "Step",
    "Steps",
    "StoreFull",
    "StoreUnavailable",
    "Structure",
    "SureflowError",
    "Timeout",
    "Trajectory",
    "Uncertain",
    "UnexpectedResponse",
    "UnknownHandle",
    "UnknownJob",
    "UnknownModel",
    "Usage",
    "Verdict",
    "VerdictsKept",
    "VersionGone",
    "View",
    "Withdrawn",
    "__version__",
    "collect",
    "edit_body",
    "generate_body",
    "molecule_svg",
    "sheet",
]
