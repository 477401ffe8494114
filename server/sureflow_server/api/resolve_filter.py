"""From the filter of a valid request to one that its model can apply."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from types import MappingProxyType
from typing import Any

from sureflow.confidence.certificate import version_of
from sureflow.confidence.ranges import calibrated_for, in_words
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.halving import halve
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow_server.api.filter_options import HALVING, FilterOptions
from sureflow_server.api.problems import Problem
from sureflow_server.filters import Filter, Rewinding, Rounds, Target, Threshold, Top
from sureflow_server.filters.rewinding import DEFAULT_SHIFT
from sureflow_server.filters.rounds import times_for

NOTHING: Mapping[str, str] = MappingProxyType({})
"""No certificate is withdrawn."""

MAX_REWINDS = 16
"""Attempts; each is a branch of the one before, and a lineage has an end."""

DIGITS = 3
"""Of the rates in messages; they are rounded up, so that what they say can be asked for."""


def resolve_filter(
    asked: FilterOptions | None,
    count: int,
    card: ModelCard,
    spec: LaneSpec,
    limit: int,
    withdrawn: Mapping[str, str] = NOTHING,
) -> Filter | None:
    """Return the filter of a request.

    Args:
        asked: What was asked for.
        count: Samples to begin with; with a target, those that shall pass.
        card: The model.
        spec: One of the lanes, which differ in their index alone; its first score decides.
        limit: Samples that a request may make.
        withdrawn: Certificates that do not hold, by their version, and why.

    Raises:
        Problem: The model cannot apply it; names the field.
    """
    if asked is None:
        return None
    if asked.by == "confidence":
        _check_calibration(asked, card, spec)
    rungs = _rungs(asked, card, spec)
    if asked.top is not None:
        if asked.top > count:
            message = f"{asked.top} of {count} samples; at most n"
            raise Problem.field("filter.top", message)
        return _top(asked, asked.top, count, rungs)
    if asked.keep is not None and asked.accept is None and rungs:
        return _top(asked, ceil(round(asked.keep * count, 9)), count, rungs)
    if asked.early is True:
        _check_early(card, spec)
    _check_calibrated(asked, card, spec)
    if asked.max_bad_rate is not None:
        _check_certificate(card, withdrawn)
    threshold = _threshold(asked, card, spec)
    if asked.action != "rewind" and not asked.targets:
        return threshold
    if count * asked.attempts > limit:
        message = f"{count} samples {asked.attempts} times are more than {limit}"
        raise Problem.field("filter.max_attempts", f"{message}, the most that a request may make")
    if rungs:
        times = times_for(threshold.minimum if asked.by == "confidence" else None, asked.attempts)
        return Rounds(threshold, count, times, asked.attempts, rungs, spec.index)
    if asked.action != "rewind":
        return Target(threshold, count, asked.attempts, spec.index)
    if asked.attempts > MAX_REWINDS:
        raise Problem.field("filter.max_attempts", f"at most {MAX_REWINDS} with rewind")
    shift = DEFAULT_SHIFT if asked.shift is None else asked.shift
    return Rewinding(threshold, count, asked.attempts, shift, spec.index)


def _check_certificate(card: ModelCard, withdrawn: Mapping[str, str]) -> None:
    """Make sure that nothing has contradicted the certificate, if there is one."""
    table = card.calibrated.get("conformal")
    reason = None if table is None else withdrawn.get(version_of(table))
    if reason is not None:
        path = f"/v1/models/{card.name}/review"
        hint = f"GET {path} shows how the verdicts stand, and POST makes another one of them"
        message = f"the certificate of {card.name} is withdrawn: {reason}; {hint}"
        raise Problem.field("filter.max_bad_rate", message, "certificate-withdrawn")


def _rungs(asked: FilterOptions, card: ModelCard, spec: LaneSpec) -> tuple[float, ...]:
    """Times at which samples are compared; none if they are not, or cannot be."""
    family = family_of(spec)
    if asked.early != HALVING or family.halving_obstacle(spec) is not None:
        return ()
    return family.rungs(spec, foretold_from(card, spec))


def _top(asked: FilterOptions, top: int, count: int, rungs: tuple[float, ...]) -> Top:
    halving = halve(count, top, rungs) if rungs else None
    return Top(top, asked.by, asked.action, halving)


def _threshold(asked: FilterOptions, card: ModelCard, spec: LaneSpec) -> Threshold:
    minimum, origin = asked.min, ""
    if asked.keep is not None:
        minimum = 1 - asked.keep
    elif asked.max_bad_rate is not None:
        table = _guarantee(card, spec)
        minimum = _certified(table, asked.max_bad_rate)
        sure = f"{1 - table['delta']:.0%}".replace("%", " %")
        origin = f"conformal: bad rate <= {asked.max_bad_rate:g} at {sure}"
    return Threshold(asked.by, minimum, asked.max, asked.action, origin, asked.early is True)


def _check_calibration(asked: FilterOptions, card: ModelCard, spec: LaneSpec) -> None:
    """Make sure that there will be a confidence."""
    shares = [name for name in ("keep", "max_bad_rate") if getattr(asked, name) is not None]
    field = f"filter.{[*shares, 'by'][0]}"
    score = spec.scores[0]
    if score not in card.calibrated.get("scores", ()):
        message = f"{card.name} is not calibrated for {score}; filter by uncertainty"
        raise Problem.field(field, message)
    family, setting = family_of(spec), family_of(spec).setting(spec)
    references = [Setting.of(record) for record in card.calibrated.get("references", ())]
    ranges = card.calibrated.get("holds", {})
    known = setting is not None and family.references(setting, references)
    if references and not known and not calibrated_for(ranges, score, setting):
        numbers = {
            name: [one.numbers[name] for one in references] for name in references[0].numbers
        }
        said = "; ".join(f"{name} {min(of):g} to {max(of):g}" for name, of in numbers.items())
        raise Problem.field(field, f"confidence is calibrated for {said} only")


def _check_calibrated(asked: FilterOptions, card: ModelCard, spec: LaneSpec) -> None:
    """Make sure that a share of confidence is that share of samples."""
    if asked.keep is None:
        return
    ranges = card.calibrated.get("holds", {})
    score, setting = spec.scores[0], family_of(spec).setting(spec)
    if not calibrated_for(ranges, score, setting):
        numbers = {} if setting is None else setting.numbers
        at = ", ".join(f"{name} {value:g}" for name, value in numbers.items())
        where = (setting and in_words(ranges, score, setting)) or "no setting"
        message = f"at {at} confidence by {score} is a share of samples for {where}"
        hint = f"POST /v1/models/{card.name}/calibrate makes it one here"
        raise Problem.field("filter.keep", f"{message}; {hint}; filter.min needs no shares")


def _check_early(card: ModelCard, spec: LaneSpec) -> None:
    """Make sure that it can be foreseen which samples will not pass, as calibration promised."""
    able = card.calibrated.get("early", ())
    if spec.scores[0] not in able:
        message = f"{card.name} cannot foresee {spec.scores[0]} on the way"
        others = f"; it can foresee {', '.join(able)}" if able else ""
        raise Problem.field("filter.early", message + others)
    setting, reference = family_of(spec).setting(spec), card.calibrated["references"][0]
    numbers = {} if setting is None else setting.numbers
    if not _run_as({**reference, **numbers}, spec):
        message = f"how few are given up by mistake is known for {_words(reference)} alone"
        raise Problem.field("filter.early", message)


def early_warning(card: ModelCard, spec: LaneSpec) -> str | None:
    """Why a lane that may be given up early never will be; None if it may well be."""
    if not spec.early:
        return None
    if not any(_run_as(record, spec) for record in card.calibrated["references"]):
        return "filter.early: it cannot be foreseen at this guidance, so no sample was given up"
    most = card.calibrated["early_confidence"][spec.scores[0]]
    if spec.early > most + 1e-9:
        message = f"no draws tell what {spec.early:g} takes; up to {most:g} samples can be given up"
        return f"filter.early: {message}"
    return None


def foretold_from(card: ModelCard, spec: LaneSpec) -> float:
    """From when on a model has learned to foretell the score of a lane; 1 if it has not."""
    times = card.calibrated.get("foretold_from", {}).get(spec.scores[0], ())
    references = card.calibrated.get("references", ())
    return min(
        (t for t, record in zip(times, references, strict=False) if _run_as(record, spec)),
        default=1.0,
    )


def _run_as(record: Mapping[str, Any], spec: LaneSpec) -> bool:
    """Whether a lane is run, from noise alone, as the draws that something was learned from."""
    setting = family_of(spec).setting(spec)
    plain = spec.origin is None and not getattr(spec, "parallel", 0)
    return plain and setting == Setting.of(record)


def _words(record: Mapping[str, Any]) -> str:
    """A setting in words."""
    return ", ".join(f"{name} {value}" for name, value in record.items() if value is not None)


def _guarantee(card: ModelCard, spec: LaneSpec) -> dict[str, Any]:
    """Return the judged table of a model, if it was made for lanes like this one."""
    table: dict[str, Any] | None = card.calibrated.get("conformal")
    if table is None:
        message = f"no judge has seen samples of {card.name}; `sureflow calibrate --judge` asks one"
        raise Problem.field("filter.max_bad_rate", message)
    # What the note of the judge leaves out is as in the draws of the tables.
    reference = card.calibrated["references"][0]
    judged = {name: table.get(name, value) for name, value in reference.items()}
    conditioned = not card.classes or any(stratum for stratum, _ in family_of(spec).strata(spec))
    if spec.scores[0] != table["score"] or not _run_as(judged, spec) or not conditioned:
        label = ", with a condition.label" if card.classes else ""
        message = f"the rate is certified for confidence.method {table['score']}{label}"
        raise Problem.field("filter.max_bad_rate", f"{message}, {_words(judged)}")
    return table


def _certified(table: dict[str, Any], rate: float) -> float:
    """Return the lowest confidence at which no more than this share is bad.

    The bounds rise as the confidence falls, see :mod:`sureflow.confidence.certificate`.
    """
    certified = [confidence for confidence, bound in table["thresholds"] if bound <= rate]
    if certified:
        lowest: float = min(certified)
        return lowest
    smallest = min(bound for _, bound in table["thresholds"])
    message = f"{rate:g} cannot be certified; the smallest rate that can is {_up(smallest)}"
    raise Problem.field("filter.max_bad_rate", message)


def _up(rate: float) -> str:
    """The rate, which is above 0, rounded up to :data:`DIGITS` digits."""
    digits = DIGITS - 1 - floor(log10(rate))
    return f"{ceil(rate * 10**digits) / 10**digits:.{DIGITS}g}"
