"""Few lines of the log for what happens a thousand times."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic

WINDOW_S = 60.0
"""Seconds after which counting begins anew."""

SAME, ALIKE = 3, 20
"""Warnings and errors that are written in a window, of one text, and of one place in the source."""

MOST = 256
"""Different ones that are counted."""


class Repeats(logging.Filter):
    """Leaves out warnings and errors that have been written often enough.

    After the first few only the tenth, the hundredth and so on are written, and say so. Alike are
    those of one logger, level and place in the source, so that no client can fill the log by asking
    for something else each time.

    Args:
        clock: Of the windows.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._counts: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written; add how many like it there were."""
        if record.levelno < logging.WARNING:
            return True
        alike = record.name, record.levelno, record.pathname, record.lineno
        raised = type(record.exc_info[1]) if record.exc_info else None
        same = self._count((*alike, record.getMessage(), raised))
        like = self._count(alike)
        if same <= SAME and like <= ALIKE:
            return True
        count = same if same > SAME else like
        if str(count).strip("0") != "1":
            return False
        record.msg = f"{record.getMessage()} ({count} times within a minute)"
        record.args = ()
        return True

    def _count(self, key: Hashable) -> int:
        now = self._clock()
        begun, count = self._counts.pop(key, (now, 0))
        if now >= begun + WINDOW_S:
            begun, count = now, 0
        self._counts[key] = begun, count + 1
        if len(self._counts) > MOST:
            self._counts.popitem(last=False)
        return count + 1
