"""The lanes that are recorded. They are listed here, not read from the library.

A lane is named by its choices, and its seed comes from its name, so that a lane more or less
changes none of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from typing import Any, Literal

from benchmarks.golden.changes import CHANGES, RELABELLED, Change
from benchmarks.golden.pairs import Choice, covering

IMAGES = ("fashion", "digits")
MODELS = ("ring", "ring-exact", *IMAGES)
FITTED = ("ring", "ring-exact", "fashion")
"""Models that have a grid of their own."""

METHODS = ("euler", "heun", "midpoint", "ab2", "bosh3", "rk4", "dopri5")
ADAPTIVE = ("heun", "midpoint", "ab2", "bosh3", "dopri5")
PLACEMENTS = ("uniform", "fitted", "loose", "tight")
TOLERANCES = {"loose": 0.2, "tight": 0.005}
PARALLEL: dict[str, dict[str, Any]] = {
    "no": {},
    "3": {"parallel": 3},
    "16": {"parallel": 16, "parallel_tolerance": 0.05},
}

CONDITIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "label": {"label": 3},
    "guided": {"label": 7, "guidance": 1.5},
    "against": {"label": 0, "guidance": -0.5},
}

CHEAP = (
    "propagated",
    "propagated_late",
    "likelihood",
    "path_residual",
    "pooled_residual",
    "straightness",
    "trajectory",
    "probe",
    "adherence",
    "adherence_contrast",
    "residual",
)
SCORES = (*CHEAP, "divergence")
PROBED = ("probe",)
LABELLED = ("adherence", "adherence_contrast")
PLAIN = ("likelihood",)
ASKING = ("adherence", "adherence_contrast", "divergence")
"""Scores that ask for rows of their own on the way."""

AT: dict[str, Any] = {"step": 2, "time": 0.45, "commit": "commit"}
KEEP: dict[str, dict[str, Any]] = {
    "nothing": {},
    "commit": {"keep": "commit"},
    "before": {"keep": "commit", "shift": -0.2},
    "all": {"keep": "all"},
    "times": {"keep": (0.2, 0.6)},
}
SEEN: dict[str, dict[str, Any]] = {
    "watched": {"watch": (0, 2)},
    "halted": {"watch": (1, 2), "halt": 2},
}


@dataclass(frozen=True)
class Edit:
    """An edit of a sample: its step, its operations, and the fields that it changes."""

    at: float | int | Literal["commit"]
    change: Change
    fields: dict[str, Any]


@dataclass(frozen=True)
class Lane:
    """One lane to make.

    Attributes:
        name: Its choices.
        model: Name of the checkpoint.
        fields: Of the lane spec, the seed excepted.
        given: Whether it begins with a given sample, which is inverted.
        edits: What is done to the sample, one edit after another.
    """

    name: str
    model: str
    fields: dict[str, Any]
    given: bool = False
    edits: tuple[Edit, ...] = ()

    @property
    def seed(self) -> int:
        """Seed of the lane, drawn from its name."""
        return int.from_bytes(sha256(self.name.encode()).digest()[:7], "big")


def lanes() -> list[Lane]:
    """All lanes, in a fixed order."""
    return [*_drawn(), *_edited(), *_inverted(), *_abandoned(), *_seen()]


def _drawn() -> Iterator[Lane]:
    """Lanes from noise: solvers, grids, tolerances, parallel steps, conditions, scores."""
    factors = {
        "model": MODELS,
        "method": METHODS,
        "placement": PLACEMENTS,
        "parallel": tuple(PARALLEL),
        "condition": tuple(CONDITIONS),
        "score": SCORES,
        "also": ("none", "all"),
    }

    def possible(choice: Choice) -> bool:
        serial = choice["parallel"] == "no"
        euler = choice["method"] == "euler" and choice["placement"] not in TOLERANCES
        return (serial or euler) and _possible(choice) and choice["score"] in _able(choice)

    for choice in covering(factors, possible):
        others = [name for name in _able(choice) if name != choice["score"]]
        scores = (choice["score"], *(others if choice["also"] == "all" else ()))
        yield Lane(_name("drawn", choice), choice["model"], _fields(choice) | {"scores": scores})


def _edited() -> Iterator[Lane]:
    """Lanes that are edited once or twice, with a frame or without."""
    factors = {
        "model": MODELS,
        "change": tuple(CHANGES),
        "keep": tuple(KEEP),
        "at": tuple(AT),
        "method": ("euler", "ab2", "dopri5", "heun"),
        "placement": ("uniform", "loose"),
        "condition": ("none", "label", "guided"),
        "scores": ("propagated", "cheap", "divergence"),
        "times": ("once", "twice"),
    }

    def possible(choice: Choice) -> bool:
        conditional = choice["change"] not in RELABELLED or choice["condition"] != "none"
        return conditional and _possible(choice)

    for choice in covering(factors, possible):
        kept = KEEP[choice["keep"]]
        fields = _fields(choice) | {"scores": _gathered(choice)} | kept
        change, twice = CHANGES[choice["change"]], choice["times"] == "twice"
        first = Edit(AT[choice["at"]], change, change.fields | (kept if twice else {}))
        edits = (first, *([Edit(0.7, CHANGES["half"], {})] if twice else []))
        yield Lane(_name("edited", choice), choice["model"], fields, edits=edits)


def _inverted() -> Iterator[Lane]:
    """Lanes that are inverted from a given sample, and then edited or not."""
    factors = {
        "model": MODELS,
        "method": ("heun", "ab2", "dopri5"),
        "placement": PLACEMENTS,
        "condition": ("none", "label", "guided"),
        "change": ("unedited", "nothing", "uncertain"),
        "keep": ("nothing", "all"),
    }
    for choice in covering(factors, _possible):
        scores = _gathered(choice | {"scores": "cheap"})
        fields = {"tolerance": None} | _fields(choice) | {"scores": scores}
        change = CHANGES.get(choice["change"])
        edits = () if change is None else (Edit(0.5, change, change.fields),)
        kept = KEEP[choice["keep"]]
        name = _name("inverted", choice)
        yield Lane(name, choice["model"], fields | kept, given=True, edits=edits)


def _abandoned() -> Iterator[Lane]:
    """Lanes of which most are abandoned, by their model's recommended score."""
    for model, method, early in product(MODELS, ("euler", "ab2"), (0.4, 0.95)):
        choice = {"model": model, "method": method, "early": str(early)}
        fields = {"method": method, "steps": 12, "early": early}
        label = {"label": 5} if model in IMAGES else {}
        yield Lane(_name("abandoned", choice), model, fields | {"index": 0} | label)


def _seen() -> Iterator[Lane]:
    """Lanes with views, and lanes that are halted."""
    factors = {
        "model": MODELS,
        "method": ("ab2", "heun"),
        "placement": ("uniform", "loose"),
        "seen": tuple(SEEN),
    }
    for choice in covering(factors, lambda choice: True):
        # The score that is recommended for digits without a label is another one by now.
        scores = {"scores": ("propagated",)} if choice["model"] == "digits" else {}
        fields = _fields(choice) | SEEN[choice["seen"]] | scores
        yield Lane(_name("seen", choice), choice["model"], fields)


def _possible(choice: Choice) -> bool:
    model, placement = choice["model"], choice["placement"]
    return (
        (placement not in TOLERANCES or choice["method"] in ADAPTIVE)
        and (placement != "fitted" or model in FITTED)
        and (choice["condition"] == "none" or model in IMAGES)
    )


def _fields(choice: Choice) -> dict[str, Any]:
    image = choice["model"] in IMAGES
    fields: dict[str, Any] = {"method": choice["method"], "steps": 6 if image else 10, "index": 1}
    fields |= CONDITIONS[choice.get("condition", "none")] | PARALLEL[choice.get("parallel", "no")]
    if choice["placement"] in TOLERANCES:
        # Some lanes run out of steps.
        most = 8 if image else 250
        return fields | {"tolerance": TOLERANCES[choice["placement"]], "max_steps": most}
    return fields | {"grid": choice["placement"]}


def _able(choice: Choice) -> list[str]:
    """The scores that such a lane can have."""
    guided = choice["condition"] in ("guided", "against") or choice.get("change") == "guidance"
    barred = {
        *(PROBED if choice["model"] != "fashion" else ()),
        *(LABELLED if choice["condition"] == "none" else ()),
        *(PLAIN if guided else ()),
        *(ASKING if choice.get("parallel", "no") != "no" else ()),
    }
    return [score for score in SCORES if score not in barred]


def _gathered(choice: Choice) -> tuple[str, ...]:
    if choice["scores"] != "cheap":
        return (choice["scores"],)
    return tuple(score for score in _able(choice) if score in CHEAP)


def _name(section: str, choice: Choice) -> str:
    model, *others = choice.items()
    return f"{model[1]} {section}: {', '.join(f'{key} {value}' for key, value in others)}"
