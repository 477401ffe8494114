"""The files learned from a network, next to it in its folder: grid, probe, calibration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from sureflow.confidence.calibration import CALIBRATION as CALIBRATION
from sureflow.confidence.calibration import Calibration
from sureflow.core.engine import LearnedFile
from sureflow.file_kind import no_safetensors
from sureflow.stamp import NETWORK, digest_of, mismatch

log = logging.getLogger(__name__)


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
            part = read(path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path.name}: {no_safetensors(path, error)}") from error
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
        ranks_probe = isinstance(part, Calibration) and "probe" in part.quantiles
        needed = (NETWORK, "probe") if ranks_probe else (NETWORK,)
        wrong = mismatch(part.settings, self.digests, needed)
        if wrong is None:
            return part
        warning = f"{path.name}: ignored, because it {wrong}; `{command}` makes it again"
        self.warnings.append(warning)
        log.warning("%s/%s", path.parent, warning)
        return None
