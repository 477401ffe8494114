"""What was learned of a network and lies beside it: its grid, its probe, its calibration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError

from sureflow.confidence.calibration import Calibration
from sureflow.families.flow.grid import Grid
from sureflow.file_kind import no_safetensors
from sureflow.networks import Probe, VelocityNetwork
from sureflow.stamp import NETWORK, digest_of, mismatch

CALIBRATION, GRID = "calibration.safetensors", "grid.safetensors"
PROBE = "probe.safetensors"

RENEWAL = {
    CALIBRATION: "sureflow calibrate",
    GRID: "sureflow grid",
    PROBE: "sureflow probe",
}
"""The command that learns each anew."""

log = logging.getLogger(__name__)

_Part = TypeVar("_Part", Calibration, Grid, Probe)
_Result = TypeVar("_Result")


@dataclass
class Learned:
    """What was learned of a network, as far as it was learned of this one.

    Attributes:
        digests: Of what can be learned from: ``network``, and ``grid`` and ``probe`` if there.
        grid: Places fixed steps.
        probe: Reads activations.
        calibration: Turns uncertainty into confidence.
        warnings: What was set aside, and why.
    """

    digests: dict[str, str]
    grid: Grid | None = None
    probe: Probe | None = None
    calibration: Calibration | None = None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, network: VelocityNetwork, digest: str) -> Learned:
        """Read what there is in a folder, and attach the probe to the network.

        A file that was learned of another network, or does not say of which, is set aside with a
        warning, since nothing that it says of this one can be relied on.

        Args:
            folder: That of the checkpoint.
            network: The network that was read from there.
            digest: Its own.

        Raises:
            ValueError: A file is damaged, or does not fit the network; names the file.
        """
        found = cls({NETWORK: digest})
        found.grid = grid = found._part(folder / GRID, Grid.load)
        if grid is not None:
            found.digests["grid"] = digest_of(None, {"log_density": torch.tensor(grid.log_density)})
        found.probe = probe = found._part(folder / PROBE, Probe.load)
        if probe is not None:
            _named(folder / PROBE, lambda: network.attach(probe))
            found.digests["probe"] = digest_of(None, dict(probe.named_buffers()))
        found.calibration = found._part(folder / CALIBRATION, Calibration.load, _foundations)
        if (made := found.calibration) is not None and made.classes != network.classes:
            raise ValueError(
                f"{folder / CALIBRATION}: has tables for {made.classes} classes, "
                f"not {network.classes}"
            )
        return found

    def _part(
        self,
        path: Path,
        read: Callable[[Path], _Part],
        foundations: Callable[[_Part], Iterable[str]] = lambda part: (NETWORK,),
    ) -> _Part | None:
        """What a file holds; ``None`` if there is none, or it has to be set aside."""
        if not path.exists():
            return None
        part = _named(path, lambda: read(path))
        wrong = mismatch(part.settings, self.digests, foundations(part))
        if wrong is None:
            return part
        renewal = f"`{RENEWAL[path.name]}` learns it anew"
        self.warnings.append(f"{path.name}: set aside, since it {wrong}; {renewal}")
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
