"""What is wrong with a setting, in the words of whoever gave it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from sureflow_server.settings import Settings, variable_of

MAX_VALUE = 80
"""Characters of a value that are shown."""

SERVICE_LINK = "tcp://"
"""Begins what Kubernetes puts into variables named after the services that it knows."""


def complaint(error: ValidationError, given: Mapping[str, Any]) -> str:
    """Return the first setting that does not fit, where it is from, and why.

    Args:
        error: Of pydantic.
        given: Those that the command line gave, by name.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    place, reason = first["loc"], str(first["msg"]).removeprefix("Value error, ")
    if not place:  # it is about several, and begins with one of them
        name, _, reason = reason.partition(": ")
        place = (name,)
    name = str(place[0])
    if name not in given:
        if variable := variable_of(name):
            value = os.environ[variable]
            return f"{variable}={_shown(name, value)}: {reason}{_hint(value)}"
        if file := _file_with(name, given.get("config")):
            return f"{file[0]}: {name} = {_shown(name, file[1])}: {reason}"
    return f"{'.'.join(map(str, place))}: {reason}"


def _file_with(name: str, config: Any) -> tuple[str, str] | None:
    """Return the TOML file of settings, if it has this one, and its value."""
    path = config or os.environ.get(variable_of("config") or "")
    settings = tomllib.loads(Path(path).read_text("utf-8")) if path else {}
    return (str(path), repr(settings[name])) if name in settings else None


def _shown(name: str, value: str) -> str:
    """Return a value, unless it may hold a password."""
    field = Settings.model_fields.get(name)
    if field is not None and SecretStr in getattr(field.annotation, "__args__", ()):
        return "..."
    return value if len(value) <= MAX_VALUE else f"{value[:MAX_VALUE]}..."


def _hint(value: str) -> str:
    if not value.startswith(SERVICE_LINK):
        return ""
    return (
        "; Kubernetes sets it for a service of that name: say enableServiceLinks: false in the "
        "pod, or give the option"
    )
