"""What the certificate of a model promises of the lanes of a request, or why nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from sureflow.confidence.certificate import STRATA, version_of
from sureflow.confidence.certificates import CONFORMAL, EDIT, ELSEWHERE, edit_of, judged_setting
from sureflow.confidence.stratified import samples_needed
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow_server.api.edited_draws import edit_key
from sureflow_server.api.problems import Problem
from sureflow_server.filters.any_good import Choice, choices

DIGITS = 3
"""Of the rates in messages; they are rounded up, so that what they say can be asked for."""

HINT = "`sureflow calibrate --judge` asks one"


@dataclass(frozen=True)
class Certified:
    """The certificate of a model, held against lanes.

    Attributes:
        card: The model.
        turns: A lane of each condition of the request.
        field: Of the request, that asks for the promise.
        table: The certificate, as the card has it.

    Raises:
        Problem: There is no certificate, it was withdrawn, or it is not about such lanes; names
            the field.
    """

    card: ModelCard
    turns: Sequence[LaneSpec]
    field: str
    table: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        card: ModelCard,
        turns: Sequence[LaneSpec],
        field: str,
        withdrawn: Mapping[str, str],
    ) -> Certified:
        """Find the certificate of a model."""
        known = [cls(card, turns, field, table) for table in tables_of(card)]
        if not known:
            raise Problem.field(field, f"no judge has seen samples of {card.name}; {HINT}")
        found = next((one for one in known if one.fits), None)
        edited = turns[0].origin is not None
        alike = [one for one in known if (edit_of(one.table) is not None) == edited]
        nearest = found or next(iter(alike), None)
        reason = None if nearest is None else withdrawn.get(version_of(nearest.table))
        if reason is not None:
            path = f"/v1/models/{card.name}/review"
            hint = f"GET {path} shows how the verdicts stand, and POST makes another one of them"
            message = f"the certificate of {card.name} is withdrawn: {reason}; {hint}"
            raise Problem.field(field, message, "certificate-withdrawn")
        if found is None:
            raise Problem.field(field, _refusal_of(card, edited, alike))
        return found

    @property
    def certainty(self) -> str:
        """With which its promises hold, in words."""
        return f"{1 - self.table['delta']:.0%}".replace("%", " %")

    @property
    def tells_apart(self) -> bool:
        """Whether it says something of every class of the request by itself."""
        try:
            self._strata()
        except Problem:
            return False
        return True

    def minimum(self, rate: float) -> float:
        """The lowest confidence at which no more than this share is bad, over all classes.

        The bounds rise as the confidence falls, see :mod:`sureflow.confidence.certificate`.

        Raises:
            Problem: There is none; names the smallest rate that there is one for.
        """
        certified = [level for level, bound in self.table["thresholds"] if bound <= rate]
        if certified:
            lowest: float = min(certified)
            return lowest
        smallest = min(bound for _, bound in self.table["thresholds"])
        raise Problem.field(
            self.field,
            f"{rate:g} cannot be certified; the smallest rate that can is {up(smallest)}",
        )

    def minima(self, rate: float) -> dict[str, float]:
        """Of every class of the request the lowest confidence, by the name of its stratum.

        Raises:
            Problem: There is none of some classes; names all of these, and what it takes.
        """
        said, found, refused = self._strata(), dict[str, float](), list[str]()
        for stratum in self._of_turns():
            one = said[stratum]
            levels = [level for level, bound in one["thresholds"] if bound <= rate]
            if levels:
                found[stratum] = min(levels)
            else:
                refused.append(self._refusal(stratum, one, rate, len(said)))
        if refused:
            message = f"{rate:g} cannot be certified of {'; '.join(refused)}"
            raise Problem.field(self.field, message)
        return found

    def choice(self, any_good: float, most: int) -> Choice:
        """How many samples promise that one of them is good, if so many may be made at most.

        Raises:
            Problem: Nothing promises it; says what would.
        """
        strata = self._of_turns()
        if len(strata) > 1:
            message = "goes with one label, since the samples of a promise are of one class"
            raise Problem.field(self.field, message)
        said = self._strata()[strata[0]]
        if not said["any_good"]:
            named, judged = self._named(strata[0]), said["judged"]
            message = f"nothing is known of {named}: {said['bad']} of {judged} judged were bad"
            raise Problem.field(self.field, f"{message}; it takes more of them, or better ones")
        if found := choices(said["any_good"], any_good, most):
            return found[0]
        least = min(choices(said["any_good"], any_good, ENOUGH), key=_draws, default=None)
        takes = f"more than {ENOUGH}" if least is None else f"{least.draws}"
        message = f"{any_good:g} of {self._named(strata[0])} takes up to {takes} samples"
        raise Problem.field(self.field, f"{message}, and {most} may be made")

    def _refusal(self, stratum: str, said: Mapping[str, Any], rate: float, strata: int) -> str:
        """Why a rate is not certified of a class, and how many judged samples would do."""
        confidence, bad, count = said["surest"]
        smallest = min((bound for _, bound in said["thresholds"]), default=None)
        words = f"{self._named(stratum)} ({said['judged']} judged"
        if smallest is not None:
            words += f", {up(smallest)} can be"
        more = samples_needed(bad, count, rate, self.table["delta"] / strata)
        if more is None:
            return f"{words}; {bad} of the {count} from {confidence:g} on are bad, too many)"
        needed = ceil(more * said["judged"] / count) if count else ceil(2 * more)
        return f"{words}; about {needed} would do if as few are bad)"

    def _strata(self) -> Mapping[str, Any]:
        """What is certified of each stratum."""
        found: Mapping[str, Any] | None = self.table.get(STRATA)
        if found is None:
            message = f"the certificate of {self.card.name} tells no classes apart; {HINT} anew"
            raise Problem.field(self.field, message)
        for stratum in self._of_turns():
            if stratum not in found:
                message = f"no judge has seen samples of {self._named(stratum)}"
                raise Problem.field(self.field, message)
        return found

    def _of_turns(self) -> list[str]:
        """The strata of the request, each once."""
        found = dict[str, None]()
        for lane in self.turns:
            strata = family_of(lane).strata(lane)
            if len(strata) != 1 or lane.condition:
                message = "is for samples of a class, or without a condition"
                raise Problem.field(self.field, message)
            found[strata[0][0]] = None
        return [*found]

    def _named(self, stratum: str) -> str:
        """A stratum in words."""
        name = self.card.class_of(stratum)
        return self.card.name if name is None else f"class {name}"

    @property
    def setting(self) -> dict[str, Any]:
        """How samples are run that it is about."""
        return judged_setting(self.table, self.card.calibrated["references"][0])

    @property
    def fits(self) -> bool:
        """Whether it was made for lanes like these."""
        judged, edit = self.setting, edit_of(self.table)
        return all(
            lane.scores[0] == self.table["score"]
            and (runs_as(judged, lane) if edit is None else edit_key(lane) == edit)
            and (not self.card.classes or any(name for name, _ in family_of(lane).strata(lane)))
            for lane in self.turns
        )


def tables_of(card: ModelCard) -> list[dict[str, Any]]:
    """The certificates of a model, as its card has them; that of the reference setting first."""
    first: dict[str, Any] | None = card.calibrated.get(CONFORMAL)
    return [*([] if first is None else [first]), *card.calibrated.get(ELSEWHERE, ())]


def _refusal_of(card: ModelCard, edited: bool, alike: Sequence[Certified]) -> str:
    """Why no certificate is about some lanes, and about which those are that are made alike."""
    if not alike and edited:
        return "edited samples are certified nothing; those judged were made from noise alone"
    if not alike:
        return "samples from noise alone are certified nothing; those judged were edited"
    label = ", with a condition.label" if card.classes else ""
    each = [f"{one.table['score']}{label}, {words_of(one.setting)}" for one in alike]
    if edited:
        edits = [_words(one.table[EDIT]) for one in alike]
        each = [f"{words}, {how}" for words, how in zip(each, edits, strict=True)]
    return f"the rate is certified for confidence.method {'; or for '.join(each)}"


def _words(edit: Mapping[str, Any]) -> str:
    """An edit in words."""
    done = ", ".join(str(each.get("type", "")) for each in edit["operations"]) or "nothing"
    return f"left at step {edit['step']} for {done}"


ENOUGH = 4096
"""Draws beyond which nobody is told how many a promise takes."""


def _draws(choice: Choice) -> int:
    return choice.draws


def runs_as(record: Mapping[str, Any], spec: LaneSpec) -> bool:
    """Whether a lane is run, from noise alone, as the draws that something was learned from."""
    setting = family_of(spec).setting(spec)
    plain = spec.origin is None and not getattr(spec, "parallel", 0)
    return plain and setting == Setting.of(record)


def words_of(record: Mapping[str, Any]) -> str:
    """A setting in words."""
    return ", ".join(f"{name} {value}" for name, value in record.items() if value is not None)


def up(rate: float) -> str:
    """The rate, which is above 0, rounded up to :data:`DIGITS` digits."""
    digits = DIGITS - 1 - floor(log10(rate))
    return f"{ceil(rate * 10**digits) / 10**digits:.{DIGITS}g}"
