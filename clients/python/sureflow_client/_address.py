"""The address of a server, read before anything is asked of it."""

from __future__ import annotations

import httpx

from ._exceptions import InvalidArgument

SCHEMES = ("http", "https")
MAX_PORT = 65535
ESCAPED = (
    "write http://USER:PASSWORD@HOST:PORT, signs of the password such as # and / as %23 and %2F"
)
MOST_COLONS = 2
"""Of a URL whose host is no IPv6 address."""


def address(url: object) -> str:
    """Return the URL of a server, without what would be in the way behind it.

    Raises:
        InvalidArgument: It is none; the message says which, without a password.
    """
    text = url.strip().rstrip("/") if isinstance(url, str) else ""
    try:
        parsed = httpx.URL(text)
        fault = fault_of(parsed)
    except httpx.InvalidURL as error:
        hint = "; an IPv6 address stands in brackets" if text.count(":") > MOST_COLONS else ""
        # With a password the words may be of it.
        raise _refused(text, ESCAPED if "@" in text else f"{error}{hint}") from None
    if parsed.scheme not in SCHEMES or fault:
        raise _refused(text or repr(url), fault or "write http://HOST:PORT")
    if parsed.query or parsed.fragment:
        raise _refused(text, "leave out what follows ? and #")
    return text


def fault_of(url: httpx.URL) -> str | None:
    """Return why nothing can be reached by a URL; ``None`` if something may be."""
    try:
        host = url.raw_host.decode("ascii")
        host.encode("idna")  # as the system does before it asks for the name
        _ = url.host
    except UnicodeError:
        return "no host has a name with such a part"
    if not host:
        return "write http://HOST:PORT"
    if url.port is not None and not 0 < url.port <= MAX_PORT:
        return f"ports are 1 to {MAX_PORT}"
    return None


def shown(url: httpx.URL | str) -> str:
    """Return a URL as messages have it: without user and password."""
    parsed = httpx.URL(url)
    return str(parsed.copy_with(username=None, password=None) if parsed.userinfo else parsed)


def _refused(text: str, why: str) -> InvalidArgument:
    scheme, separator, rest = text.partition("://")
    public = f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else text
    return InvalidArgument(f"{public!r} is not the address of a server: {why}")
