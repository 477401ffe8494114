"""The files learned from a network, next to it in its folder: grid, probe, calibration and others.

Each has a stamp, which names the digest of the network that it describes. If the network beside it
is replaced, the stamp does not match any more, and the loader ignores the file.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from sureflow.confidence.calibration import CALIBRATION as CALIBRATION
from sureflow.confidence.calibration import Calibration
from sureflow.core.engine import LearnedFile
from sureflow.file_kind import no_safetensors
from sureflow.regular_file import check_regular

log = logging.getLogger(__name__)


MOST_BYTES = 1 << 28
"""Largest file; those that we make have a few million bytes."""

LEARNED_FROM = "learned_from"
"""Name of the stamp among the settings of what was learned: digests, by the name of what has it."""

NETWORK = "network"
"""Name of the network in a stamp."""

READ_WITH = {"probe": "probe", "class_margin": "classifier", "ignorance": "laplace"}
READ_WITH |= {"critic": "critic", "circuit": "circuit"}
"""By score, what it is read with; tables of the score belong to that."""


@dataclass
class Learned:
    """The contents of a checkpoint's files that were learned from its network.

    Attributes:
        digests: Digests of the network and of each part, by name; stamps refer to them.
        parts: Contents of the family's files, by name.
        calibration: Turns uncertainty into confidence.
        warnings: Which files were ignored, and why.
    """

    digests: dict[str, str]
    parts: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, files: Iterable[LearnedFile], digest: str) -> Learned:
        """Read these files of a checkpoint, as far as there are any, and its calibration.

        A file that was learned from a network with another digest, or has no stamp, is ignored with
        a warning, because it does not describe this network.

        Raises:
            ValueError: A file is damaged; the message begins with its name.
        """
        found = cls({NETWORK: digest})
        for each in files:
            part = found._part(folder / each.file, each.read, each.command)
            if part is not None:
                found.parts[each.name] = part
                found.digests[each.name] = digest_of(None, each.tensors(part))
        path = folder / CALIBRATION
        found.calibration = found._part(path, Calibration.load, "sureflow calibrate")
        return found

    def _part(self, path: Path, read: Callable[[Path], Any], command: str) -> Any:
        """Contents of a file; ``None`` if there is no such file, or its stamp does not match."""
        if not path.exists():
            return None
        try:
            check_regular(path)
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"larger than {MOST_BYTES} bytes")
            part = read(path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path.name}: {no_safetensors(path, error)}") from error
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
        needed = [NETWORK]
        if isinstance(part, Calibration):
            needed += [of for score, of in READ_WITH.items() if score in part.quantiles]
            needed += ["foresight"] * any(early.foresees for early in part.early.values())
        wrong = mismatch(part.settings, self.digests, needed)
        if wrong is None:
            return part
        warning = f"{path.name}: ignored, because it {wrong}; `{command}` makes it again"
        self.warnings.append(warning)
        log.warning("%s/%s", path.parent, warning)
        return None


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
