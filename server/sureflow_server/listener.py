"""The socket of the server, and what is said of it before anything else is done."""

from __future__ import annotations

import logging
import socket
from importlib.metadata import entry_points

from sureflow.folders import checkpoint_folders, embedded_folder
from sureflow_server.settings import Settings

STUDIO = "sureflow.studio"
"""Entry points of this group make a studio from the address of the server."""

log = logging.getLogger(__name__)


def bind(settings: Settings) -> socket.socket:
    """Bind the address of the settings.

    Raises:
        OSError: It cannot be bound.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def own_address(listener: socket.socket) -> str:
    """Where this machine reaches what is bound, also where that is every address."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def foretell(settings: Settings, listener: socket.socket) -> None:
    """Say what is loaded, which takes a while, and where to look."""
    root = settings.models_dir or embedded_folder()
    names = ", ".join(folder.name for folder in checkpoint_folders(root))
    own = f"{own_address(listener)}{settings.root_path}"
    has_studio = settings.studio and bool(entry_points(group=STUDIO))
    place = f"{own}/" if has_studio else f"{own}/docs"
    log.info("loading %s of %s, which takes some seconds; look at %s", names, root, place)
