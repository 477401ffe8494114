"""Lines of the log in which nobody but the server has written."""

from __future__ import annotations

import logging
import re
from textwrap import indent

INDENT = "    "
TEXT = "%(asctime)s %(levelname)s %(message)s"

CONTROLS = re.compile(r"[^\t\n -~\xa1-\u1fff\u2c00-\ud7ff\uf900-\ufffd\U00010000-\U0010ffff]")
"""What a terminal may obey, or not show: control and direction characters, lone surrogates."""


class Line(logging.Formatter):
    """Text for people: the message on one line, the traceback of an exception indented below it.

    So no message of an exception can pass for a line of its own.
    """

    def __init__(self) -> None:
        super().__init__(TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as its base
        """Return the line of the message."""
        return harmless(super().formatMessage(record)).replace("\n", "\\n")

    def formatException(self, ei: logging._SysExcInfoType) -> str:  # noqa: N802
        """Return the lines of a traceback."""
        return indent(harmless(super().formatException(ei)), INDENT)


def harmless(text: str) -> str:
    """Return a text whose characters no terminal obeys; line breaks and tabs stay."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
