"""What is wrong with a setting, in the words of whoever gave it."""

from __future__ import annotations

import os
from collections.abc import Collection

from pydantic import SecretStr, ValidationError

from sureflow_server.settings import PREFIX, Settings

MAX_VALUE = 80
"""Characters of a value that are shown."""

SERVICE_LINK = "tcp://"
"""Begins what Kubernetes puts into variables named after the services that it knows."""


def complaint(error: ValidationError, given: Collection[str]) -> str:
    """Return the first setting that does not fit, where it is from, and why.

    Args:
        error: Of pydantic.
        given: Names of those that the command line gave.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    reason = str(first["msg"]).removeprefix("Value error, ")
    if not first["loc"]:
        return reason
    name = str(first["loc"][0])
    value = None if name in given else os.environ.get(f"{PREFIX}{name.upper()}")
    if value is None:
        return f"{'.'.join(map(str, first['loc']))}: {reason}"
    return f"{PREFIX}{name.upper()}={_shown(name, value)}: {reason}{_hint(value)}"


def _shown(name: str, value: str) -> str:
    """Return a value, unless it may hold a password."""
    if SecretStr in getattr(Settings.model_fields[name].annotation, "__args__", ()):
        return "..."
    return value if len(value) <= MAX_VALUE else f"{value[:MAX_VALUE]}..."


def _hint(value: str) -> str:
    if not value.startswith(SERVICE_LINK):
        return ""
    return (
        "; Kubernetes sets it for a service of that name: say enableServiceLinks: false in the "
        "pod, or give the option"
    )
