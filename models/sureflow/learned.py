"""What was learned of a network and lies beside it: its grid, its probe, its calibration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from sureflow.confidence.calibration import CALIBRATION as CALIBRATION
from sureflow.confidence.calibration import Calibration
from sureflow.core.engine import LearnedFile
from sureflow.file_kind import no_safetensors
from sureflow.stamp import NETWORK, digest_of, mismatch

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


@dataclass
class Learned:
    """What was learned of a network, as far as it was learned of this one.

    Attributes:
        digests: Of what can be learned from: ``network``, and what the family learns of it.
        parts: What the family learns of a network, by name.
        calibration: Turns uncertainty into confidence.
        warnings: What was set aside, and why.
    """

    digests: dict[str, str]
    parts: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, files: Iterable[LearnedFile], digest: str) -> Learned:
        """Read what there is in a folder.

        A file that was learned of another network, or does not say of which, is set aside with a
        warning, since nothing that it says of this one can be relied on.

        Args:
            folder: That of the checkpoint.
            files: Those of the family.
            digest: That of the network.

        Raises:
            ValueError: A file is damaged; names the file.
        """
        found = cls({NETWORK: digest})
        for each in files:
            part = found._part(folder / each.file, each.read, each.command)
            if part is not None:
                found.parts[each.name] = part
                found.digests[each.name] = digest_of(None, each.tensors(part))
        path = folder / CALIBRATION
        found.calibration = found._part(path, Calibration.load, "sureflow calibrate", _foundations)
        return found

    def _part(
        self,
        path: Path,
        read: Callable[[Path], Any],
        command: str,
        foundations: Callable[[Any], Iterable[str]] = lambda part: (NETWORK,),
    ) -> Any:
        """What a file holds; ``None`` if there is none, or it has to be set aside."""
        if not path.exists():
            return None
        part = _named(path, lambda: read(path))
        wrong = mismatch(part.settings, self.digests, foundations(part))
        if wrong is None:
            return part
        self.warnings.append(
            f"{path.name}: set aside, since it {wrong}; `{command}` learns it anew"
        )
        log.warning("%s/%s", path.parent, self.warnings[-1])
        return None


def _foundations(made: Calibration) -> Iterable[str]:
    """What a calibration must say that it was learned from."""
    return (NETWORK, "probe") if "probe" in made.quantiles else (NETWORK,)


def _named(path: Path, read: Callable[[], _Result]) -> _Result:
    """What is read, or an error that names the file."""
    try:
        return read()
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: {no_safetensors(path, error)}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
