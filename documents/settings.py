"""The page on the settings of a server, from their own docstring."""

from __future__ import annotations

import re

from pydantic import SecretStr

from documents.table import code, table

HEAD = """# Settings

What the operator of a server may choose. Every setting is an option of `sureflow serve`, an
environment variable, and a key of the TOML file that `--config` (`SUREFLOW_CONFIG`) names. Options
win over the environment, the environment over the file.

"""


def page() -> str:
    """Return the page."""
    from sureflow_server.settings import PREFIX, Settings

    said = meanings(Settings.__doc__ or "")
    rows = []
    for name, field in Settings.model_fields.items():
        given = field.default
        default = "" if given in (None, ()) or isinstance(given, SecretStr) else code(given)
        rows.append((f"`{name}`<br>`{PREFIX}{name.upper()}`", default, said.get(name, "")))
    return HEAD + table(("setting, variable", "default", "meaning"), rows).replace(
        "&lt;br>", "<br>"
    )


def meanings(docstring: str) -> dict[str, str]:
    """Return what the section ``Attributes`` of a docstring says, by attribute."""
    section = docstring.partition("Attributes:\n")[2]
    found = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.replace("``", "`").split()) for name, text in found}
