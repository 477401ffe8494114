"""What the server says: lines of text for people, or JSON objects, one a line, for machines."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

LogFormat = Literal["text", "json"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being served; empty outside of any."""

TEXT = "%(asctime)s %(levelname)s %(message)s"
FIELDS = ("levelname", "name", "message", "request_id")
RENAMED = {"levelname": "level", "name": "logger"}


def configure(form: LogFormat) -> None:
    """Send everything from INFO on to standard error.

    JSON lines have ``timestamp, level, logger, message``, ``request_id`` where there is one, what
    the call gave as ``extra``, and ``exc_info`` with the traceback of an exception.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_with_request_id)
    handler.setFormatter(logging.Formatter(TEXT) if form == "text" else _Lines())
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
