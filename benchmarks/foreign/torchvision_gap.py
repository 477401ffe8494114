"""Fills the gap of torchvision, which two packages import for what is not used here.

Both import it for data loaders and losses on images. Where it is not installed, or does not suit
the torch that is, an empty module of that name takes its place, so that their networks and samplers
can be imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Have the module in this process and its children, in case it is missing.

    Only meanwhile, since transformers would take it for the real one.
    """
    if _there():
        yield
        return
    place, before = folder / "torchvision", os.environ.get("PYTHONPATH")
    place.mkdir(parents=True, exist_ok=True)
    (place / "__init__.py").write_text(EMPTY)
    sys.path.append(str(folder))
    os.environ["PYTHONPATH"] = f"{before}{os.pathsep}{folder}" if before else str(folder)
    try:
        yield
    finally:
        _forget()
        sys.path.remove(str(folder))
        os.environ["PYTHONPATH"] = before or ""


def _there() -> bool:
    try:
        import_module("torchvision")
    except (ImportError, RuntimeError):
        _forget()
        return False
    return True


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
