"""Names of models, which stand in requests, in metrics and in paths."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def _check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        allowed = "1 to 64 of a-z, 0-9 and -, which does not come first"
        raise ValueError(f"{name[:70]!r} cannot be the name of a model; expected {allowed}")
    return name


ModelName = Annotated[str, AfterValidator(_check_name)]
"""The name of a model; 1 to 64 lower-case letters, digits and hyphens."""
