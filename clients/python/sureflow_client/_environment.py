"""What the environment says of the way to a server: proxies and certificates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx

from ._address import fault_of, shown
from ._exceptions import InvalidArgument

Made = TypeVar("Made")

NO_PROXY = "this is not the address of a proxy, such as http://HOST:PORT"

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
DIRECT = "no_proxy"
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
SECRETS = "SSLKEYLOGFILE"
"""Names a file that the TLS library writes to."""


def made(make: Callable[[], Made]) -> Made:
    """Return what is made with what the environment says.

    Raises:
        InvalidArgument: It says what cannot be; the message names the variable, without secrets.
    """
    try:
        return make()
    except Exception as error:  # of httpx, of the TLS library
        raise InvalidArgument(next(_faults(), f"no client can be made: {error}")) from None


def check_proxies() -> None:
    """Raise `InvalidArgument` for a variable that names no proxy; of some httpx learns too late."""
    for variable, value in _set(*PROXIES):
        if fault := _fault_of_proxy(value):
            raise InvalidArgument(f"{variable}: {fault}")


def proxy_to(url: str) -> str | None:
    """Return the proxy by which a server is reached, if any, without its password."""
    parsed, proxies = httpx.URL(url), getproxies()
    found = proxies.get(parsed.scheme) or proxies.get("all")
    if not found or proxy_bypass(parsed.host):
        return None
    return shown(_with_scheme(found))


def _faults() -> Iterator[str]:
    """Yield what is wrong with each variable that cannot be used."""
    for variable, value in _set(DIRECT):
        for entry in filter(None, map(str.strip, value.split(","))):
            if not _is_host(entry):
                yield (
                    f"{variable}: {entry} is no host; an IPv6 address stands there without "
                    "brackets, and a network of IPv6 not at all"
                )
    for variable, value in _set(SECRETS):
        if not _is_writable(value):
            yield f"{variable}: nothing can be written to {value}"
    for variable, value in _set(*CERTIFICATES):
        yield f"{variable}: no certificates can be read from {value}"


def _fault_of_proxy(value: str) -> str | None:
    try:
        proxy = httpx.Proxy(_with_scheme(value)).url
    except (ValueError, httpx.InvalidURL):  # whose words may have a password
        return NO_PROXY
    if fault_of(proxy):
        return NO_PROXY
    if proxy.scheme.startswith("socks") and find_spec("socksio") is None:
        return "SOCKS needs another package: pip install 'httpx[socks]'"
    return None


def _with_scheme(value: str) -> str:
    return value if "://" in value else f"http://{value}"


def _is_writable(file: str) -> bool:
    try:
        with open(file, "ab"):
            return True
    except OSError:
        return False


def _set(*names: str) -> Iterator[tuple[str, str]]:
    """Yield those of the variables that are set, as they are written."""
    for name in names:
        for variable in dict.fromkeys((name, name.upper())):
            if value := os.environ.get(variable):
                yield variable, value


def _is_host(entry: str) -> bool:
    """Return whether httpx can read an entry, as it will: with dots before it, or as IPv6."""
    try:
        return bool(httpx.URL(entry if "://" in entry else f"all://{_bracketed(entry)}"))
    except httpx.InvalidURL:
        return False


def _bracketed(entry: str) -> str:
    plain = entry.count(":") > 1 and "/" not in entry and not entry.startswith("[")
    return f"[{entry}]" if plain else f"*{entry}"
