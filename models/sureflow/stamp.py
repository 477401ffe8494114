"""Stamps: each file learned from a network names the digest of that network.

Tables, grids and probes describe one network. If the network beside them is replaced, their stamp
does not match any more, and the loader ignores them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

LEARNED_FROM = "learned_from"
"""Name of the stamp among the settings of what was learned: digests, by the name of what has it."""

NETWORK = "network"
"""Name of the network in a stamp."""


def digest_of(config: object, tensors: Mapping[str, Tensor]) -> str:
    """``sha256:`` over a configuration, and names, types, shapes and values of tensors.

    The order of names in the configuration, which is JSON data, and of tensors does not matter.
    """
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name}\0{tensor.dtype}\0{[*tensor.shape]}\0".encode())
        values = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(values.numpy().data)
    return f"sha256:{digest.hexdigest()}"


def mismatch(
    settings: Mapping[str, Any], there: Mapping[str, str], needed: Iterable[str] = (NETWORK,)
) -> str | None:
    """Why a learned file does not belong to a network, as a predicate; ``None`` if it does.

    The stamp in the file's settings must have the needed names, and the digests that are there.
    """
    stamp = settings.get(LEARNED_FROM)
    if not isinstance(stamp, dict) or not stamp.keys() >= {*needed}:
        return "does not say from which network it was learned"
    others = [name for name in stamp if there.get(name) != stamp[name]]
    if not others:
        return None
    first = NETWORK if NETWORK in others else min(others)
    what = f"another {first}" if first in there else f"a {first} that is not there"
    return f"was learned from {what}"
