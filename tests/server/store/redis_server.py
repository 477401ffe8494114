"""A real Redis of the tests' own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import redis

PATIENCE_S = 30


class RedisServer:
    """A process that keeps what it is told in a folder and is reached by a socket in it."""

    def __init__(self, *options: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("there is no redis-server; install it: apt-get install redis-server")
        # Its own, since the path of a socket may have a hundred characters at most.
        self._folder = tempfile.TemporaryDirectory(prefix="sureflow-redis-")
        self.path = Path(self._folder.name)
        self.url = f"unix://{self.path}/socket"
        self._command = [
            program,
            *("--port", "0", "--unixsocket", f"{self.path}/socket", "--dir", f"{self.path}"),
            *("--logfile", f"{self.path}/log", "--save", "", "--appendonly", "yes"),
            *("--appendfsync", "always", *options),
        ]
        self.start()

    def start(self, *options: str) -> None:
        """Start it; also if it answers only that it is loading, it counts as started."""
        self.process = subprocess.Popen([*self._command, *options])
        deadline = time.monotonic() + PATIENCE_S
        with self.client() as client:
            while not _answers(client):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"Redis did not start:\n{(self.path / 'log').read_text()}")
                time.sleep(0.02)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self._folder.cleanup()


def _answers(client: redis.Redis) -> bool:
    try:
        client.ping()
    except (redis.AuthenticationError, redis.exceptions.BusyLoadingError):
        return True
    except redis.ConnectionError:
        return False
    return True
