#!/usr/bin/env python3
"""Write every overlay as one file, for those without kustomize: ``kubectl apply -f``.

The first line of each is a digest of what it was made from, so that a change of the sources that
was not rendered again shows without kustomize at hand.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
OVERLAYS = ("single", "redis", "gpu")


def digest() -> str:
    """Digest of all sources, by path and content."""
    found = hashlib.sha256()
    for path in sorted(p for part in ("base", "overlays") for p in (FOLDER / part).rglob("*.yaml")):
        found.update(f"{path.relative_to(FOLDER).as_posix()}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def render(overlay: str) -> str:
    """What kustomize makes of an overlay, behind the digest."""
    command = ["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return f"# Made by deploy/kubernetes/render.py from sources with SHA-256 {digest()}.\n{made}"


def main() -> None:
    """Render all."""
    for overlay in OVERLAYS:
        (FOLDER / "rendered" / f"{overlay}.yaml").write_text(render(overlay))


if __name__ == "__main__":
    main()
