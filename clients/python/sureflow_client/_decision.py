"""What a filter decided about a sample."""

from __future__ import annotations

from ._wire import Wire


class Rung(Wire):
    """How a sample stood among those of its request when it was stopped in favour of others."""

    t: float
    """Flow time that all of them had reached."""

    value: float | None
    """What the score foresaw there, by which they were ranked; lower is surer."""

    rank: int
    """Place among them, from 1, the surest."""

    lanes: int
    """How many they were."""

    survivors: int
    """How many of them went on."""


class JudgeDecision(Wire):
    """What a judge said of a sample that the filter had accepted."""

    by: str
    """``judge:`` and the name of the judge."""

    score: float | None
    """How bad the sample is, in the judge's unit; ``None`` where it gave no number."""

    threshold: float
    """The most at which a sample is accepted."""

    seconds: float
    """For how long a process of the judge was busy with it."""

    reason: str
    """The comparison in words, or why there is no score."""


class Decision(Wire):
    """What the filter decided about a sample, and on what evidence."""

    action_requested: str
    """What the request asked to be done with samples that fail: ``annotate``, ``drop``,
    ``regenerate`` or ``rewind``."""

    action_taken: str
    """What was done with this one: ``accepted``, ``annotated``, ``dropped``, ``regenerated`` (left
    out, with another sample in its place), ``rewound`` (the same, the other one branching off from
    its commit point) or ``abandoned`` (stopped early)."""

    by: str
    """The number that was judged: ``confidence``, ``uncertainty`` or ``novelty``."""

    score: float | None
    """Its value."""

    threshold: float | None
    """The bound that the value was compared with; ``None`` where no sample has a score."""

    attempt: int
    """Which round of ``n`` samples it was of, from 1."""

    reason: str
    """The comparison in words."""

    abandoned_at: float | None = None
    """Flow time in [0, 1] at which the sample was stopped early; ``None`` if it was finished."""

    rung: Rung | None = None
    """How it stood among the samples of its request when it was stopped in favour of others, with
    ``early="halving"``."""

    then: JudgeDecision | None = None
    """What a judge said of it, with ``filter={"then": ...}``; its word is the last."""

    margin: float | None = None
    """Distance in data units that the sample would have to move, at least, to change the decision:
    with the score ``critic``."""
