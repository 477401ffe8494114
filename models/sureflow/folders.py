"""Where checkpoint folders are; needs nothing of torch, so that a look at them takes no time."""

from __future__ import annotations

from pathlib import Path

HOME = Path("sureflow-models")
"""Where commands write a model that is given no place: in the working directory, beside none of
those that ship."""


def embedded_folder() -> Path:
    """The folder of the checkpoints that ship with Sureflow, one subfolder each."""
    package = Path(__file__).parent
    installed, checkout = package / "checkpoints", package.parent / "checkpoints"
    return installed if installed.is_dir() else checkout


def judges_folder() -> Path:
    """The folder of the judges that ship with Sureflow."""
    return embedded_folder().parent / "judges"


def data_folder() -> Path:
    """The folder of the data that ship with Sureflow."""
    return embedded_folder().parent / "data"


def checkpoint_folders(root: Path) -> list[Path]:
    """The folders in ``root`` that are not hidden, by name; none if there is no such folder."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
