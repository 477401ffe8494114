"""Folders in which distributions of this checkout are installed, as their pyproject says."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLIENT, STUDIO = ROOT / "clients" / "python", ROOT / "clients" / "studio"


def install(folder: Path, *projects: Path) -> Path:
    """Install distributions into a folder that is on the path of a process."""
    for project in projects:
        said = tomllib.loads((project / "pyproject.toml").read_text())
        about, packages = said["project"], said["tool"]["hatch"]["build"]["targets"]["wheel"]
        info = folder / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
        )
        groups = [
            "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in points.items())])
            for group, points in about["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(groups) + "\n")
        for package in packages["packages"]:
            (folder / package).symlink_to(project / package)
    return folder
