"""Headers of every request, checked before any is sent: no message has what they hold."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ._exceptions import InvalidArgument
from ._version import __version__

API_KEY = "SUREFLOW_API_KEY"
"""Environment variable with the API key of clients that are given none."""

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
KEY = re.compile(r"[\x21-\x7e]+")


def headers_of(headers: Mapping[str, str] | None, api_key: str | None) -> dict[str, str]:
    """Return the headers of a client, with its key.

    Raises:
        InvalidArgument: One cannot be sent; the message names it, and not what it holds.
    """
    own = {"User-Agent": f"sureflow-client/{__version__}", **_authorization(api_key)}
    if not isinstance(headers, Mapping | None):
        raise InvalidArgument("headers: they are a mapping of names to values")
    for name, value in (headers or {}).items():
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise InvalidArgument("headers: one has a name that HTTP does not allow")
        if not (isinstance(value, str) and VALUE.fullmatch(value.strip())):
            raise InvalidArgument(f"headers: the value of {name} is not a line of ASCII text")
        own[name] = value.strip()
    return own


def _authorization(api_key: str | None) -> dict[str, str]:
    source = API_KEY if api_key is None else "api_key"
    key = os.environ.get(API_KEY, "") if api_key is None else api_key
    key = key.strip() if isinstance(key, str) else "\n"
    if key and not KEY.fullmatch(key):
        raise InvalidArgument(
            f"{source}: it has a blank, a line break or a letter that no key has; was more than "
            "the key copied?"
        )
    return {"Authorization": f"Bearer {key}"} if key else {}
