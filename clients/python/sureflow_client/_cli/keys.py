"""Keys of a terminal, one at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

END = "\x04"
"""What is read where there is no more."""


@contextmanager
def keys() -> Iterator[Callable[[], str]]:
    """Yield what returns the next key, without waiting for the end of a line.

    Keys that are pressed ahead are not lost. Where the input is no terminal its characters are the
    keys.
    """
    try:
        import termios
        import tty
    except ImportError:  # on Windows
        import click

        yield click.getchar
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number) if os.isatty(number) else None
    if before is not None:
        tty.setcbreak(number, termios.TCSANOW)
    try:
        yield lambda: os.read(number, 1).decode(errors="replace") or END
    finally:
        if before is not None:
            termios.tcsetattr(number, termios.TCSADRAIN, before)
