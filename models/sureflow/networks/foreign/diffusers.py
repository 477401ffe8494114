"""Networks of the package diffusers, by the names of their classes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from sureflow.networks.foreign.config_limits import check_config, check_size
from sureflow.networks.foreign.diffusers_adapters import ADAPTERS, Adapter
from sureflow.networks.foreign.package import class_in, quiet

PACKAGE = "diffusers"


def diffusers(
    name: str, config: Mapping[str, object], constants: Mapping[str, object] | None = None
) -> nn.Module:
    """Build a network of diffusers, with weights drawn at random.

    Its weights have the names that diffusers gives them. It answers as in diffusers, with an object
    that has the prediction in ``sample``, but takes all inputs as arrays of one row per sample: of
    ``UNet2DConditionModel`` also ``text_embeds``, and ``FluxTransformer2DModel`` takes latents.

    Args:
        name: The class, one of :data:`~sureflow.networks.foreign.diffusers_adapters.ADAPTERS`.
        config: Arguments of the class, as in its ``config.json``; fields that begin with ``_`` are
            left out.
        constants: Numbers that are the same for all samples: ``time_ids`` of SDXL, ``resolution``
            and ``aspect_ratio`` of PixArt.

    Raises:
        ValueError: The class is not one of these, diffusers is not installed, or an argument is out
            of bounds or unknown; the message says which.
    """
    return make(class_of(name), name, config, constants or {})


def make(
    kind: type[Adapter],
    name: str,
    config: Mapping[str, object],
    constants: Mapping[str, object] | None = None,
) -> nn.Module:
    """Make a module of a class of diffusers, with its adapter; see :func:`diffusers`.

    Raises:
        ValueError: An argument is out of bounds or unknown; the message says which.
    """
    kept = check_config(config)
    if unknown := sorted(kept.keys() - parameters_of(kind)):
        raise ValueError(f"config: {name} of the diffusers installed takes no {unknown[0]!r}")
    with quiet(PACKAGE):
        # Sizes are known from the shapes, before there is any memory for them.
        with torch.device("meta"):
            check_size(_made(kind, kept))
        module = _made(kind, kept)
    module.adapt(constants or {})
    return module.eval()


def class_of(name: str, among: Mapping[str, type[Adapter]] = ADAPTERS) -> type[Adapter]:
    """The class of diffusers with its adapter, which is ``among`` those by name.

    Raises:
        ValueError: It is none of those that there are, or diffusers is not installed.
    """
    if not (isinstance(name, str) and name in among):
        raise ValueError(f"name: {name!r} is none of the classes there are: {', '.join(among)}")
    return cast("type[Adapter]", type(name, (among[name], class_in(PACKAGE, name)), {}))


def parameters_of(kind: type[nn.Module]) -> set[str]:
    """Names of the arguments of a class."""
    return {*inspect.signature(kind.__init__).parameters} - {"self"}


def _made(kind: type[Adapter], config: Mapping[str, Any]) -> Adapter:
    try:
        return kind(**config)
    except Exception as error:  # their constructors raise anything
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"config: {kind.__name__} cannot be made of it: {reason}") from error
