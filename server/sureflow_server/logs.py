"""What the server says: lines of text for people, or JSON objects, one a line, for machines."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

from sureflow_server.log_line import Line
from sureflow_server.repeats import Repeats

LogFormat = Literal["text", "json"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being served; empty outside of any."""

FIELDS = ("levelname", "name", "message", "request_id")
RENAMED = {"levelname": "level", "name": "logger"}


def configure(form: LogFormat) -> None:
    """Send everything from INFO on to standard error.

    JSON lines have ``timestamp, level, logger, message``, ``request_id`` where there is one, what
    the call gave as ``extra``, and ``exc_info`` with the traceback of an exception. The same
    warning or error is written a few times a minute, and counted.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_with_request_id)
    handler.addFilter(Repeats())
    handler.setFormatter(Line() if form == "text" else _Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _with_request_id(record: logging.LogRecord) -> bool:
    if found := request_id.get():
        record.request_id = found
    return True


class _Lines(JsonFormatter):
    def __init__(self) -> None:
        super().__init__(FIELDS, rename_fields=RENAMED, timestamp=True)

    def process_log_record(self, log_data: dict[str, object]) -> dict[str, object]:
        """Leave out what says nothing."""
        return {name: value for name, value in log_data.items() if value not in (None, "")}
