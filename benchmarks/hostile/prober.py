"""Asks a server again and again whether it lives: ``python -m benchmarks.hostile.prober URL``.

It is a process of its own, so that whoever attacks the server does not hold it up. A line for each
time: when it asked, when it had an answer, and the seconds between.
"""

from __future__ import annotations

import sys
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

EVERY_S = 0.01
WAIT_S = 60.0


def main() -> None:
    """Ask until nobody reads what is said."""
    connection = HTTPConnection(urlsplit(sys.argv[1]).netloc, timeout=WAIT_S)
    while True:
        begun = time.monotonic()
        try:
            connection.request("GET", "/health/live")
            connection.getresponse().read()
        except (OSError, HTTPException):
            connection.close()
        ended = time.monotonic()
        print(begun, ended, ended - begun, flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
