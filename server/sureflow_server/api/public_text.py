"""What a client may read of a text that came from deeper down, or from a client."""

from __future__ import annotations

import re

ADDRESS = re.compile(r"(?: at)? 0x[0-9A-Fa-f]{6,}")
"""Of an object in memory, as Python shows it."""

PATH = re.compile(
    r"(?<![\w.:/~)\]}-])/(?!(?:v1|v2|generate|edit|invert|health|metrics|docs)\b)"
    r"(?:[^\s'\"`,;:()<>/]*/)*(?=[^\s'\"`,;:()<>/])"
)
"""The folders of an absolute path that is none of ours: of a file, its name is enough."""


def shown(text: str, nbytes: int) -> str:
    """Return a text without addresses and folders of this machine, as :func:`printable` does."""
    begin = text[: 2 * nbytes]
    rest = "..." if len(text) > len(begin) else ""
    return printable(PATH.sub("", ADDRESS.sub("", begin)) + rest, nbytes)


def printable(text: str, nbytes: int) -> str:
    """Return a text on one line, in at most so many bytes of UTF-8.

    What cannot be printed is escaped, lone surrogates included, so that any encoding will do.
    """
    begin = text[: nbytes + 1]
    if not begin.isprintable():
        begin = "".join(each if each.isprintable() else escaped(each) for each in begin)
    encoded = begin.encode()
    return f"{encoded[: nbytes - 3].decode(errors='ignore')}..." if len(encoded) > nbytes else begin


def escaped(character: str) -> str:
    """Return a character as Python writes it in a string."""
    return character.encode("unicode_escape").decode("ascii")
