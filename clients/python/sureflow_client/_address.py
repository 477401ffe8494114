"""The address of a server, read before anything is asked of it."""

from __future__ import annotations

import httpx

from ._exceptions import InvalidArgument

SCHEMES = ("http", "https")
MAX_PORT = 65535


def address(url: object) -> str:
    """Return the URL of a server, without what would be in the way behind it.

    Raises:
        InvalidArgument: It is none; the message says which, without a password.
    """
    text = url.strip().rstrip("/") if isinstance(url, str) else ""
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise _refused(text, f"{error}; an IPv6 address stands in brackets") from None
    if parsed.scheme not in SCHEMES or not parsed.host:
        raise _refused(text or repr(url), "write http://HOST:PORT")
    if parsed.port is not None and not 0 < parsed.port <= MAX_PORT:
        raise _refused(text, f"ports are 1 to {MAX_PORT}")
    if parsed.query or parsed.fragment:
        raise _refused(text, "leave out what follows ? and #")
    return text


def shown(url: httpx.URL | str) -> str:
    """Return a URL as messages have it: without user and password."""
    parsed = httpx.URL(url)
    return str(parsed.copy_with(username=None, password=None) if parsed.userinfo else parsed)


def _refused(text: str, why: str) -> InvalidArgument:
    scheme, separator, rest = text.partition("://")
    public = f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else text
    return InvalidArgument(f"{public!r} is not the address of a server: {why}")
