"""Commands run in this process: what their own would need a second to import is there already."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess

import pytest


def invoke(main: Callable[[], object], *words: str, **environment: str) -> CompletedProcess[str]:
    """Run the entry point of a command; no setting of whoever runs the tests reaches it."""
    out, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        for name in [name for name in os.environ if "SUREFLOW_" in name]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["command", *words])
        code = _code(main)
    return CompletedProcess(words, code, out.getvalue(), errors.getvalue())


def _code(main: Callable[[], object]) -> int:
    """Run it and return the code that it ends with."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    return 0
