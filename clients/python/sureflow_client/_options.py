"""What requests may say, as the type checker knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from typing_extensions import TypedDict

from ._encode import Given
from ._moment import At


class Filter(TypedDict, total=False):
    """Which samples to accept, and what to do with the others.

    Give exactly one of ``min``, ``max``, ``keep``, ``top``, ``max_bad_rate`` and ``any_good``; with
    ``then``, it may be none.
    """

    by: str
    """The number to judge by: ``confidence``, the default, ``uncertainty``, or ``novelty``, for
    models with an index of their training data."""

    min: float
    """Accept samples with at least this."""

    max: float
    """Accept samples with at most this."""

    keep: float
    """Accept this share of the surest, by the model's calibration: samples with a confidence of at
    least ``1 - keep``."""

    top: int
    """Accept exactly so many of the surest of this request."""

    max_bad_rate: float
    """Accept down to the lowest confidence at which, as certified with 90 % confidence, no more
    than this share of the accepted is bad; for a model that was calibrated with a judge."""

    any_good: float
    """Accept as few samples as make sure, with this probability, that at least one of them is good,
    certified alike. Leave out ``accept``; ``n`` is then the most samples that may be made. See
    ``Result.selection``."""

    per: Literal["class"]
    """With ``max_bad_rate``: a threshold for each class, such that the rate holds, as certified, in
    every class of the model at once."""

    accept: int
    """Go on until so many samples are accepted; leave out ``n``."""

    stratify: bool
    """With ``labels``, and ``top``, ``accept`` or the action ``regenerate``: accept as many samples
    of each class."""

    action: str
    """``annotate`` keeps the others and says so; ``drop`` sends them without data; ``regenerate``
    does that too and makes other samples instead, until ``n`` are accepted; ``rewind`` takes a
    sample that fails back to its commit point and redirects it from there."""

    max_attempts: int
    """With ``accept`` or ``regenerate``: stop after so many times the samples to be accepted; with
    ``rewind``: attempts at each sample, the first one included. By default 4."""

    shift: float
    """With ``rewind``: added to the time of the commit point; a little earlier leaves more open."""

    early: bool | Literal["halving"]
    """``True`` stops samples early that are not going to be accepted. ``"halving"``, with ``top``,
    ``keep`` or ``accept``, compares the samples of the request on the way, and stops the less sure
    half of them three times. See ``Usage.evaluations_saved``."""

    then: SecondStage
    """A judge that is asked about the samples that pass so far, and refuses those that it finds
    worse; without another criterion, about all. With the actions ``annotate`` and ``drop``. See
    ``Decision.then`` and ``Usage.judged``."""


class SecondStage(TypedDict):
    """A judge of the samples that pass the rest of a filter."""

    by: str
    """``judge:`` and the name of a judge of the server."""

    max: float
    """Accept samples with at most this; larger is worse."""


class Rewind(TypedDict, total=False):
    """What is kept of trajectories, so that they can be looked through and edited."""

    keep: str | Sequence[float]
    """Key frames: at the commit point (``commit``), at every step (``all``), or at these times. A
    frame saves evaluations when the sample is edited from there; what is not kept is made again,
    bit for bit."""

    ttl_s: float
    """Seconds for which the handle lives; by default, and at most, what the server allows."""


class SamplingOptions(TypedDict, total=False):
    """What every request for samples may say; without it, the server's defaults hold."""

    seed: int | None
    """Seed of the request; where left out the client draws one, see ``Result.seed``."""

    method: str | None
    """Solver: one of ``Model.samplers``."""

    steps: int | None
    """Number of solver steps, the same for every sample; or else a tolerance."""

    tolerance: float | None
    """Error allowed per step; every sample then chooses its own steps."""

    min_steps: int | None
    """Fewest steps of a sample, with a tolerance."""

    max_steps: int | None
    """Most steps that a sample may try, with a tolerance; see ``Sample.finish_reason``."""

    grid: str | None
    """Where fixed steps are placed: one of ``Model.grids``."""

    sampler: Mapping[str, Any] | None
    """What else the solver is told, by name, where the family of the model has further options."""

    score: str | None
    """The score that becomes uncertainty and confidence, one of ``Model.scores``; by default the
    one that the model is best judged by."""

    also: Sequence[str]
    """Further scores to return, ``Sample.scores``."""

    profile: bool
    """Whether to return the uncertainty over time, ``Sample.profile``."""

    map: bool
    """Whether to return the uncertainty per component, ``Sample.map_array()``."""

    rewind: bool | str | Rewind | None
    """Whether to give every sample a handle, ``Sample.handle``, by which its trajectory can be
    looked through (`Client.frames`) and edited (`Client.edit`). ``True`` keeps a key frame at the
    commit point, ``"all"`` one at every step; see `Rewind` for more."""

    deadline_s: float | None
    """Seconds after which the answer is of no use: the server refuses at once a request that it
    cannot finish by then. With a tolerance, it relaxes that of late samples; see
    ``Sample.finish_reason``."""

    priority: int | None
    """From -10 to 10; higher ones are served before lower ones, 0 is usual."""

    output: str | None
    """Encoding of the samples, one of ``Model.formats``: ``png`` rounds to 8 bits, ``npy`` and
    ``list`` are exact."""


class InvertOptions(SamplingOptions, total=False):
    """What a request to score given samples may say; solver and seed have defaults of their own."""

    first: int | None
    """Index of the first sample, by default 0: ``seed`` and ``first`` as the ``seed`` and ``index``
    of a `Sample` make that one again, alone."""

    label: int | str | None
    """Number or name of the class of the samples, for a class-conditional model."""

    condition: Mapping[str, Given] | None
    """What else they are samples of: named arrays, of those of ``Model.conditions``. An array of
    kind ``text`` may be a text where the model has an encoder (``prompt``)."""

    guidance: float | None
    """Scale of classifier-free guidance; 1 is the plain conditional model."""

    negative: Mapping[str, Given] | None
    """What guidance leads away from, in place of no condition: as ``condition``. It needs another
    scale than 1."""


class GenerateOptions(InvertOptions, total=False):
    """What a generate request may say."""

    size: Sequence[int] | None
    """Height and width of the samples, or their length: one of ``Model.sizes``; by default the
    first of them."""

    parallel: int | None
    """Number of steps evaluated at once, by solvers that can."""

    parallel_tolerance: float | None
    """How exact the states ahead must be, in data units; with 0, to the last bit."""

    labels: Sequence[int | str] | None
    """Numbers or names of classes that take turns, in place of ``label``; see ``Sample.label``."""

    filter: Filter | None
    """Which samples to accept."""


class EditOptions(SamplingOptions, total=False):
    """What an edit may say; solver and score are by default those of the trajectory."""

    at: At | float | str
    """Where to leave the trajectory: at its commit point (``commit``), at a time ``0 <= t < 1``, or
    `AtTime`, `AtStep`, `AtCommit`."""

    branches: int | None
    """How many alternatives to make, with different draws; by default 1."""

    first: int | None
    """Index of the first branch, by default 0: ``seed`` and ``first`` as the ``seed`` and ``index``
    of a branch make that one again, alone."""

    keep: str | None
    """``all``: every branch comes with its data; ``best``: only the surest, and only if it is surer
    than the original."""

    filter: Filter | None
    """Which branches to accept: ``annotate`` or ``drop`` the others."""

    require_exact: bool
    """Whether the server must refuse (`Conflict`) a trajectory of other kernels, which it cannot
    make again bit for bit; by default it goes on, and ``EditResult.replay`` says so."""
