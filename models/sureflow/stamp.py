"""A stamp: of which network something was learned, as it is noted beside what was learned.

Tables, grids and probes describe one network. Beside another they would go on to be believed, so
each names the digest of what it was learned of, and is set aside where that is something else.
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
"""What all is learned from."""


def digest_of(config: object, tensors: Mapping[str, Tensor]) -> str:
    """``sha256:`` over a configuration, and names, types, shapes and values of tensors.

    Args:
        config: What is JSON; the order of names in it does not count.
        tensors: On any device but ``meta``; their order does not count either.
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
    """Why what was learned does not belong to what is there; ``None`` if it does.

    Args:
        settings: Those of what was learned.
        there: Digests of what there is, by name.
        needed: Names that the stamp must have.
    """
    stamp = settings.get(LEARNED_FROM)
    if not isinstance(stamp, dict) or not stamp.keys() >= {*needed}:
        return "does not say of which network it was learned"
    others = [name for name in stamp if there.get(name) != stamp[name]]
    if not others:
        return None
    first = min(others, key=lambda name: (name != NETWORK, name))
    what = f"another {first}" if first in there else f"a {first} that is not there"
    return f"was learned of {what}"
