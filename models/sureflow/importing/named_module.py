"""Recognises a torch module that a factory of an installed package makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sureflow.file_kind import PICKLE
from sureflow.importing.adapter import Adapter
from sureflow.importing.recognised import Recognised
from sureflow.importing.shards import pickled, sharded
from sureflow.importing.stored import Stored, tensors_in
from sureflow.networks.registry import load_plugin, make_base

INDEX = ".index.json"


def read_module(
    reference: str, weights: Path | None, prefix: str | None, adapter: Adapter
) -> Recognised:
    """Recognise ``package.module:factory``, which is imported, with weights in safetensors.

    Args:
        reference: The factory. It comes from the operator, never from a folder.
        weights: A file, a folder with one, or an index of shards.
        prefix: What the names of the weights have in front of the module's; by default any prefix
            with which they all fit is taken off.
        adapter: What the module does not say of itself: at least the shape of a sample.

    Raises:
        ValueError: The factory cannot be used, or the weights are not the module's; names which.
    """
    if adapter.shape is None:
        raise ValueError("shape: a module does not say of what shape a sample is; pass --shape")
    if weights is None:
        raise ValueError("weights: pass --weights FILE, the weights of the module as safetensors")
    # With its package, since many a class is called Unet, and one server may have two of them.
    name = reference.replace(":", ".")
    load_plugin(reference, name)
    arguments = adapter.arguments or {}
    state = _state(name, arguments)
    found, taken = _named(stored_tensors(weights), state, prefix)
    notes = [f"The module that {reference} makes, with {len(state)} tensors."]
    if taken:
        notes.append(f"Its weights have the prefix {taken!r}, which is taken off.")
    network = {
        "kind": "frozen",
        "base": name,
        "arguments": arguments,
        "shape": [*adapter.shape],
        "classes": len(adapter.names),
        "variance": "none",
        **adapter.settings(),
    }
    plugin = f"{name}={reference}"
    return Recognised(network, found, tuple(notes), plugin=plugin)


def _state(name: str, arguments: dict[str, Any]) -> Mapping[str, Tensor]:
    """Names, shapes and types of the module's tensors, without memory for them if it can be."""
    try:
        with torch.device("meta"):
            return make_base(name, arguments).state_dict()
    except ValueError:
        # It may read values in its constructor, and meta tensors have none.
        return make_base(name, arguments).state_dict()


def stored_tensors(weights: Path) -> dict[str, Stored]:
    """The tensors of a file, of a folder that has one, or of the shards that an index names.

    Raises:
        ValueError: There are none; the message begins with ``weights``.
    """
    try:
        if weights.is_dir():
            files = sorted(weights.glob(f"*.safetensors{INDEX}")) or sorted(
                weights.glob("*.safetensors")
            )
            if len(files) != 1:
                there = ", ".join(file.name for file in files[:5]) or "none"
                if not files and (pickle := pickled(weights)):
                    raise ValueError(f"{weights / pickle}: is {PICKLE}")
                raise ValueError(f"{weights}: expected one safetensors file; there are: {there}")
            (weights,) = files
        if weights.name.endswith(INDEX):
            return sharded(weights, weights.parent)
        return tensors_in(weights)
    except ValueError as error:
        raise ValueError(f"weights: {error}") from error


def _prefix(found: Mapping[str, Stored], state: Mapping[str, Any]) -> str:
    """What the names have in front; empty if nothing, or if that does not help.

    Raises:
        ValueError: There are several networks that it could be, such as an average beside the last.
    """
    some = next(iter(state), "")
    if not some or some in found:
        return ""
    ways = sorted(n.removesuffix(some) for n in found if n.endswith(f".{some}"))
    fit = {way: sum(f"{way}{name}" in found for name in state) for way in ways}
    best = [way for way in ways if fit[way] == max(fit.values())]
    if len(best) > 1:
        raise ValueError(
            f"weights_prefix: the names fit behind {' and '.join(best[:5])}; pass the one to take, "
            f"such as --weights-prefix {best[0]}"
        )
    return best[0] if best else ""


def _named(
    found: dict[str, Stored], state: Mapping[str, Any], prefix: str | None
) -> tuple[dict[str, Stored], str]:
    """The tensors by the module's names, and the prefix that was taken off."""
    if prefix is None:
        prefix = _prefix(found, state)
    elif prefix and not prefix.endswith(".") and any(n.startswith(f"{prefix}.") for n in found):
        prefix = f"{prefix}."
    named = {n.removeprefix(prefix): stored for n, stored in found.items() if n.startswith(prefix)}
    if not named and found:
        there = ", ".join(sorted({name.split(".")[0] for name in found})[:5])
        raise ValueError(f"weights_prefix: no tensor begins with {prefix!r}; they do with: {there}")
    return named, prefix
