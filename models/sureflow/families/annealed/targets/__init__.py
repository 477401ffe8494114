"""The targets that ship, and those of operators, by the description in a checkpoint's config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from sureflow.families.annealed.target import Target
from sureflow.families.annealed.targets.funnel import Funnel
from sureflow.families.annealed.targets.logistic import LogisticPosterior
from sureflow.families.annealed.targets.many_well import ManyWell
from sureflow.families.annealed.targets.mixture import Mixture
from sureflow.networks.registry import make_base

KINDS: dict[str, Callable[..., nn.Module]] = {
    "funnel": Funnel,
    "logistic_posterior": LogisticPosterior,
    "many_well": ManyWell,
    "mixture": Mixture,
}

OWN = "module"
"""Kind of a target that an operator brings, by the name of its plugin."""


def build(config: Mapping[str, Any]) -> Target:
    """Make a target from ``{"kind": NAME, "arguments": {...}, **arguments of Target}``.

    For kind ``module``, ``base`` is the name of a plugin: a factory of the energy.

    Raises:
        ValueError: The kind or the plugin is unknown, or arguments do not fit.
    """
    given = dict(config)
    kind, base, arguments = (
        given.pop("kind", None),
        given.pop("base", None),
        given.pop("arguments", {}),
    )
    if kind == OWN:
        energy = make_base(base, arguments)
    elif isinstance(kind, str) and kind in KINDS:
        energy = _made(KINDS[kind], arguments)
    else:
        known = ", ".join([*KINDS, OWN])
        raise ValueError(f"network.kind: {kind!r} is unknown; choose from {known}")
    try:
        return Target(energy, **given)
    except TypeError as error:
        raise ValueError(f"network: {error}") from error
    except ValueError as error:
        raise ValueError(f"network.{error}") from error


def _made(kind: Callable[..., nn.Module], arguments: Any) -> nn.Module:
    if not isinstance(arguments, dict):
        raise ValueError("network.arguments: expected a table of names and values")
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"network.arguments: {error}") from error
