"""From the filter of a valid request to one that its model can apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from types import MappingProxyType

from sureflow.confidence.ranges import calibrated_for, in_words
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.halving import halve
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow_server.api.certified import Certified, runs_as, up, words_of
from sureflow_server.api.filter_options import HALVING, FilterOptions
from sureflow_server.api.problems import Problem
from sureflow_server.filters import (
    AnyGood,
    Balanced,
    Everything,
    Filter,
    Rewinding,
    Rounds,
    SecondStage,
    StratumThreshold,
    Target,
    Threshold,
    Top,
)
from sureflow_server.filters.rewinding import DEFAULT_SHIFT
from sureflow_server.filters.rounds import times_for
from sureflow_server.judges import PREFIX

NOTHING: Mapping[str, str] = MappingProxyType({})
"""No certificate is withdrawn."""

SHARES = ("keep", "max_bad_rate", "any_good")
"""What goes by confidence alone."""

MAX_REWINDS = 16
"""Attempts; each is a branch of the one before, and a lineage has an end."""


def resolve_filter(
    asked: FilterOptions | None,
    count: int,
    card: ModelCard,
    turns: Sequence[LaneSpec],
    limit: int,
    withdrawn: Mapping[str, str] = NOTHING,
) -> Filter | None:
    """Return the filter of a request.

    Args:
        asked: What was asked for.
        count: Samples to begin with; with a target, those that shall pass; with `any_good`, the
            most that may be made.
        card: The model.
        turns: Lanes, one of each class that was asked for, which take turns; all others differ in
            their index alone. Their first score decides.
        limit: Samples that a request may make.
        withdrawn: Certificates that do not hold, by their version, and why.

    Raises:
        Problem: The model cannot apply it; names the field.
    """
    if asked is None:
        return None
    if asked.criterion is None:
        return Everything(asked.by, asked.action)
    spec = turns[0]
    if asked.by == "novelty" and not card.indexed:
        message = f"{card.name} has no index of its training data; `sureflow index` makes one"
        raise Problem.field("filter.by", message)
    if asked.by == "confidence":
        for lane in turns:
            _check_calibration(asked, card, lane)
    if asked.any_good is not None:
        if spec.origin is not None:
            message = "branches of one sample are no draws of their own, which the promise takes"
            raise Problem.field("filter.any_good", message)
        certified = Certified.of(card, turns, "filter.any_good", withdrawn)
        return _any_good(asked, asked.any_good, certified, count, spec)
    rungs = _rungs(asked, card, turns)
    strata = _check_stratified(asked, count, turns)
    if asked.top is not None:
        if asked.top > count:
            message = f"{asked.top} of {count} samples; at most n"
            raise Problem.field("filter.top", message)
        return _top(asked, asked.top, count, rungs, strata)
    if asked.keep is not None and asked.accept is None and rungs:
        return _top(asked, ceil(round(asked.keep * count, 9)), count, rungs)
    for lane in turns:
        if asked.early is True:
            _check_early(card, lane)
        _check_calibrated(asked, card, lane)
    threshold = _threshold(asked, card, turns, withdrawn)
    if asked.action != "rewind" and not asked.targets:
        return threshold
    if count * asked.attempts > limit:
        message = f"{count} samples {asked.attempts} times are more than {limit}"
        raise Problem.field("filter.max_attempts", f"{message}, the most that a request may make")
    if rungs:
        times = times_for(threshold.minimum if asked.by == "confidence" else None, asked.attempts)
        return Rounds(threshold, count, times, asked.attempts, rungs, spec.index)
    if asked.action != "rewind":
        if strata > 1:
            return Balanced(threshold, count, asked.attempts, spec.index)
        return Target(threshold, count, asked.attempts, spec.index)
    if asked.attempts > MAX_REWINDS:
        raise Problem.field("filter.max_attempts", f"at most {MAX_REWINDS} with rewind")
    shift = DEFAULT_SHIFT if asked.shift is None else asked.shift
    return Rewinding(threshold, count, asked.attempts, shift, spec.index)


def second_stage(asked: FilterOptions | None, judges: Sequence[str]) -> SecondStage | None:
    """Return the judge of a request.

    Args:
        asked: What was asked for.
        judges: Names of those of this server.

    Raises:
        Problem: There is no such judge; names the field.
    """
    if asked is None or asked.then is None:
        return None
    name = asked.then.by.removeprefix(PREFIX)
    if name not in judges:
        there = f"there are {', '.join(judges)}" if judges else "there is none, see serve --judge"
        raise Problem.field("filter.then.by", f"no judge {name!r}; {there}")
    return SecondStage(name, asked.then.max)


def _any_good(
    asked: FilterOptions, any_good: float, certified: Certified, most: int, spec: LaneSpec
) -> AnyGood:
    """The filter that keeps a promise, with as few samples as the certificate allows."""
    choice = certified.choice(any_good, most)
    reason = f"{choice.count} of bad rate <= {up(choice.rate)} at {certified.certainty}"
    origin = f"conformal: one is good at {any_good:g}, by {reason}"
    threshold = Threshold("confidence", choice.minimum, None, asked.action, origin)
    attempts = ceil(choice.draws / choice.count)
    return AnyGood(
        threshold,
        choice.count,
        attempts,
        spec.index,
        rate=choice.rate,
        limit=choice.draws,
    )


def _check_stratified(asked: FilterOptions, count: int, turns: Sequence[LaneSpec]) -> int:
    """Return how many classes have as many samples each that pass; 1 if that was not asked for."""
    if not asked.stratify:
        return 1
    if len(turns) < 2:
        raise Problem.field("filter.stratify", "goes with labels, of which it takes as many each")
    name, number = ("top", asked.top) if asked.top is not None else ("accept", count)
    if asked.top is None and asked.accept is None:
        name = "n"
    if number is not None and number % len(turns):
        field = name if name == "n" else f"filter.{name}"
        message = f"with filter.stratify a multiple of {len(turns)}, the number of labels"
        raise Problem.field(field, message)
    return len(turns)


def _rungs(asked: FilterOptions, card: ModelCard, turns: Sequence[LaneSpec]) -> tuple[float, ...]:
    """Times at which samples are compared; none if they are not, or cannot be."""
    spec = turns[0]
    family = family_of(spec)
    if asked.early != HALVING:
        return ()
    if len(turns) > 1:
        raise Problem.field("filter.early", "halving compares the samples of one label")
    if family.halving_obstacle(spec) is not None:
        return ()
    return family.rungs(spec, foretold_from(card, spec))


def _top(
    asked: FilterOptions, top: int, count: int, rungs: tuple[float, ...], strata: int = 1
) -> Top:
    halving = halve(count, top, rungs) if rungs else None
    return Top(top, asked.by, asked.action, halving, strata)


def _threshold(
    asked: FilterOptions,
    card: ModelCard,
    turns: Sequence[LaneSpec],
    withdrawn: Mapping[str, str],
) -> Threshold:
    rate, early = asked.max_bad_rate, asked.early is True
    if rate is None:
        minimum = asked.min if asked.keep is None else 1 - asked.keep
        return Threshold(asked.by, minimum, asked.max, asked.action, "", early)
    certified = Certified.of(card, turns, "filter.max_bad_rate", withdrawn)
    origin = f"conformal: bad rate <= {rate:g} at {certified.certainty}"
    if asked.per is None:
        return Threshold(asked.by, certified.minimum(rate), None, asked.action, origin, early)
    if not card.classes:
        raise Problem.field("filter.per", f"{card.name} has no classes; leave it out")
    minima = certified.minima(rate)
    origin += " in each class"
    least = min(minima.values())
    return StratumThreshold(asked.by, least, None, asked.action, origin, early, minima)


def _check_calibration(asked: FilterOptions, card: ModelCard, spec: LaneSpec) -> None:
    """Make sure that there will be a confidence."""
    shares = [name for name in SHARES if getattr(asked, name) is not None]
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
    if not runs_as({**reference, **numbers}, spec):
        message = f"how few are given up by mistake is known for {words_of(reference)} alone"
        raise Problem.field("filter.early", message)


def early_warning(card: ModelCard, spec: LaneSpec) -> str | None:
    """Why a lane that may be given up early never will be; None if it may well be."""
    if not spec.early:
        return None
    if not any(runs_as(record, spec) for record in card.calibrated["references"]):
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
        (t for t, record in zip(times, references, strict=False) if runs_as(record, spec)),
        default=1.0,
    )
