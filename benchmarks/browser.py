"""The browser that looks at the studio, in tests and for pictures."""

from __future__ import annotations

import shutil


def chromium() -> str:
    """Return the path of Chromium: without windows if there is one, which takes a fifth less.

    Raises:
        FileNotFoundError: There is none.
    """
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if found is None:
        raise FileNotFoundError("needs chromium: make chromium")
    return found
