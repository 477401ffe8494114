"""Fills the gap of torchvision, which two packages import for what is not used here.

Both import it for data loaders and losses on images. Where it is not installed, or does not suit
the torch that is, an empty module of that name takes its place, so that their networks and samplers
can be imported.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

EMPTY = """import sys
from types import ModuleType

class Empty(ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Empty(name)

for name in ("transforms", "utils", "models"):
    made = Empty(f"{__name__}.{name}")
    sys.modules[made.__name__] = made
    globals()[name] = made
"""


def fill(folder: Path) -> bool:
    """Make the module for this process and its children; returns whether it was missing."""
    try:
        import_module("torchvision")
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        place = folder / "torchvision"
        place.mkdir(parents=True, exist_ok=True)
        (place / "__init__.py").write_text(EMPTY)
        sys.path.append(str(folder))
        before = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = f"{before}{os.pathsep}{folder}" if before else str(folder)
        return True
    return False
