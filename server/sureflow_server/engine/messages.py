"""What the API process and the worker say to each other, over one pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

from sureflow.core.card import ModelCard
from sureflow.core.execution import Compile, Precision
from sureflow.core.halving import Halving
from sureflow.core.lane import LaneSpec, Sample, View

ROW_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper bounds of the buckets in which the rows of a tick are counted."""

SECOND_BOUNDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of the buckets in which the duration of a tick is counted, in seconds."""


Admission = Literal["tick", "request"]
"""When lanes may start: at every tick, or, for comparison, only once no lane runs any more."""


@dataclass(frozen=True, slots=True)
class Resting:
    """A model that is known and not in memory.

    Attributes:
        card: What clients may know of it.
        tick_s: As in :class:`Ready`.
        nbytes: What it takes once it is in memory.
    """

    card: ModelCard
    tick_s: tuple[float, ...]
    nbytes: int


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker is started with; most fields are those of the settings."""

    models_dir: Path | None
    capacity: int | None
    threads: int
    device: str
    admission: Admission = "tick"
    precision: Precision = "float32"
    compile: Compile = "off"
    portable: bool = False
    model_bytes: int | None = None
    plugins: tuple[str, ...] = ()
    standby: bool = False
    """Whether the process that has loaded the models stands by, and forks what serves."""
    verified_dir: Path | None = None
    """Where verified block sizes are kept; no setting, nor are those that follow."""
    without: frozenset[str] = frozenset()
    """Names of folders that shall not be loaded."""
    faulty: Mapping[str, str] = field(default_factory=dict)
    """Names of folders in whose loading a process has ended, and how; they are not loaded."""
    only: str | None = None
    """Name of the one folder to load; ``None`` loads all."""
    last: tuple[str, ...] = ()
    """Models to load after all others, and so to keep where the budget is too small for all."""
    calibrations: Mapping[str, bytes] = field(default_factory=dict)
    """By name of the model: what replaces its calibration, where its folder cannot be written."""
    resting: tuple[Resting, ...] = ()
    """Models that need not be loaded until a request asks for them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a request shares the server; they never change its samples, but for one.

    Attributes:
        owner: Whose it is. Owners share evenly, whatever the number of their requests.
        priority: Higher ones are served before lower ones.
        deadline: Reading of :func:`time.monotonic` by which it must be done; until then adaptive
            lanes that are late widen their tolerance.
    """

    owner: str = ""
    priority: int = 0
    deadline: float = inf


@dataclass(frozen=True, slots=True)
class Submit:
    """Run these lanes of a request, keyed by the caller's own number for each.

    A second one with the same request adds lanes to it; all but the lanes is then the same.

    Attributes:
        request: The pool's number for the request.
        model: Name of a model that the worker has announced.
        lanes: What to make.
        progress: Report the steps of the running lanes as well, and their views once recorded.
        terms: On which terms it runs.
        halving: How these lanes are compared on the way; ``None`` finishes all of them.
    """

    request: int
    model: str
    lanes: dict[int, LaneSpec]
    progress: bool
    terms: Terms = Terms()
    halving: Halving | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Free the slots of a request and forget it."""

    request: int


@dataclass(frozen=True, slots=True)
class Unload:
    """Let go of a model, of which no request is left."""

    model: str


@dataclass(frozen=True, slots=True)
class Recalibrate:
    """Turn the scores of a model into confidence by another calibration from now on.

    The data are those of its file.
    """

    model: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End the process now, whatever still runs."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Fork a worker, whose end of a pipe follows."""


@dataclass(frozen=True, slots=True)
class Reap:
    """End the worker that was forked last, if it has not ended, and tell how it did."""


@dataclass(frozen=True, slots=True)
class Warm:
    """All models have been loaded, or have failed to, and this process stands by."""


@dataclass(frozen=True, slots=True)
class Forked:
    """A worker has been forked; it says :class:`Ready` itself."""

    pid: int


@dataclass(frozen=True, slots=True)
class Reaped:
    """The worker that was forked last has ended with this code."""

    code: int


@dataclass(frozen=True, slots=True)
class Loading:
    """The worker has begun to load a folder of this name, and all before it are done.

    It is ``alone`` if there are no other models.
    """

    model: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """Every model has been loaded and has generated, or has failed to.

    Attributes:
        folder: Where the checkpoints were looked for.
        cards: The models that work.
        tick_s: Seconds that ticks of 0, 1, 2, ... rows should take, up to the most rows that a tick
            has, by name of model.
        failures: Why each of the others does not, by the name of its folder.
        nbytes: What each of the models takes in memory, by name.
        resident: Names of the models in memory, the least recently used first.
    """

    folder: str
    cards: tuple[ModelCard, ...]
    tick_s: dict[str, tuple[float, ...]]
    failures: dict[str, str]
    nbytes: dict[str, int] = field(default_factory=dict)
    resident: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """Lanes of the request have entered slots."""

    request: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A running lane stands at the start of ``step``, at time ``t``."""

    request: int
    lane: int
    step: int
    t: float


@dataclass(frozen=True, slots=True)
class Viewed:
    """A view of a running lane has been recorded; its sample will have it, too."""

    request: int
    lane: int
    view: View


@dataclass(frozen=True, slots=True)
class Finished:
    """A lane is done.

    ``admitted`` and ``finished`` are readings of :func:`time.monotonic`, which the processes of one
    machine share.
    """

    request: int
    lane: int
    sample: Sample
    admitted: float
    finished: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The model cannot make what a request asks for; ``error`` begins with the name of a field."""

    request: int
    error: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The network fails for lanes of a request, which is given up.

    Where it ran out of ``memory``, later attempts make sense.
    """

    request: int
    error: str
    memory: bool


@dataclass(frozen=True, slots=True)
class CacheEvent:
    """A model has come into memory, has not, or has gone to make room for another."""

    model: str
    what: Literal["loaded", "failed", "evicted"]


@dataclass(slots=True)
class TickStats:
    """The ticks of one model since the last statistics.

    Attributes:
        model: Name of the model.
        running: Lanes that tick now.
        waiting: Lanes in the queue now, paused ones included.
        started_rows: Network rows spent so far on the lanes that hold slots now.
        rows: Network rows evaluated.
        seconds: Time spent in ticks.
        expected_s: Time that ticks of these rows should take.
        row_counts: Ticks per bucket of :data:`ROW_BOUNDS`; the last counts those beyond.
        second_counts: Ticks per bucket of :data:`SECOND_BOUNDS`; the last counts those beyond.
    """

    model: str
    running: int = 0
    waiting: int = 0
    started_rows: int = 0
    rows: int = 0
    seconds: float = 0.0
    expected_s: float = 0.0
    row_counts: list[int] = field(default_factory=lambda: [0] * (len(ROW_BOUNDS) + 1))
    second_counts: list[int] = field(default_factory=lambda: [0] * (len(SECOND_BOUNDS) + 1))


@dataclass(slots=True)
class Report:
    """Everything new since the last report; at most one per tick, and one a second at least.

    An empty one says that the loop still turns.
    """

    started: list[Started] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    stats: list[TickStats] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    cache_events: list[CacheEvent] = field(default_factory=list)
    viewed: list[Viewed] = field(default_factory=list)


Change = Unload | Recalibrate
"""What changes models, and so concerns the process that stands by as well."""

Command = Submit | Cancel | Change | Shutdown
"""From the API process to the worker."""

Order = Change | Shutdown | Fork | Reap
"""From the API process to the process that stands by."""

Message = Loading | Ready | Report | Warm | Forked | Reaped
"""From either of them to the API process."""
