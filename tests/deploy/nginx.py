"""A real nginx with the configuration of deploy/, in front of a server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.deploy.sources import DEPLOY

CONFIGURATION = DEPLOY / "nginx" / "sureflow.conf"
PREFIX = "/sureflow"
PATIENCE_S = 30

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_nginx = pytest.mark.skipif(
    PROGRAM is None, reason="there is no nginx; install it: apt-get install nginx-light"
)

WHOLE = """\
daemon off;
pid {folder}/pid;
error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/conf.d/*.conf;
}}
"""
"""What Debian's configuration has around it, in a folder of one's own."""


@contextmanager
def nginx(upstream: str, *, takes_off: bool = False) -> Iterator[str]:
    """Run nginx in front of ``host:port``; yields its URL, below the prefix.

    Where it ``takes_off`` the prefix, it says so to the server.
    """
    said, port = CONFIGURATION.read_text(), _free_port()
    way = f"proxy_pass http://{upstream}"
    named = f"{way}/; proxy_set_header X-Forwarded-Prefix {PREFIX};"
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("proxy_pass http://127.0.0.1:8000;", named if takes_off else f"{way};"),
    ):
        assert said.count(old) == 1, old
        said = said.replace(old, new)
    with tempfile.TemporaryDirectory(prefix="sureflow-nginx-") as name:
        folder = Path(name)
        (folder / "conf.d").mkdir()
        (folder / "conf.d" / "sureflow.conf").write_text(said)
        (folder / "nginx.conf").write_text(WHOLE.format(folder=folder))
        command = [str(PROGRAM), "-p", name, "-e", f"{name}/log", "-c", f"{name}/nginx.conf"]
        process = subprocess.Popen(command)
        try:
            _wait(process, port, folder / "log")
            yield f"http://127.0.0.1:{port}{PREFIX}"
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    pytest.fail(f"nginx did not start:\n{log.read_text() if log.exists() else ''}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
