"""Certificates of several settings, in the file of a calibration and in what a card says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from sureflow.confidence.certificate import JUDGED, Conformal
from sureflow.core.arrays import Floats

CONFORMAL, ELSEWHERE = "conformal", "elsewhere"
"""Certificates in what a model card says."""


EDIT, KEY = "edit", "key"
"""In the note of a certificate: of which edit the judged samples were, if of any; and in that, what
tells it from others."""


def read_elsewhere(
    sections: Mapping[str, Mapping[str, Floats]], metadata: Mapping[str, str]
) -> Iterator[Conformal]:
    """The certificates of other settings."""
    for name in map(f"{JUDGED}-{{}}".format, count()):
        found = Conformal.read(sections.get(name, {}), metadata.get(name))
        if found is None:
            return
        yield found


def judged_setting(said: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """The setting of a certificate by its note or its summary, as a JSON object.

    What it leaves out is as in the reference draws.
    """
    setting: dict[str, Any] | None = said.get("setting")
    return setting or {name: said.get(name, value) for name, value in reference.items()}


def edit_of(said: Mapping[str, Any]) -> str | None:
    """What tells the edit of a certificate from others, by its note or its summary."""
    edit: Mapping[str, str] = said.get(EDIT, {})
    return edit.get(KEY)
