"""What a process is called in listings of processes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

NAME = Path("/proc/self/comm")

Role = Literal["sureflow-loader", "sureflow-forks", "sureflow-worker", "sureflow-refit"]
"""Loads models; stands by, and forks workers; serves; fits a probe to verdicts. Linux
shows 15 characters."""


def call_this_process(role: Role) -> None:
    """Give this process a name, where there is such a thing; forks keep it."""
    with suppress(OSError):
        NAME.write_text(role)
