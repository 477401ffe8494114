"""Those who watch see what they are there for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.hostile.limit import Limit, limited
from benchmarks.hostile.watch import Watch, watching

STALL_S = 1.0
MIB = 1 << 20


def seen(watch: Watch) -> None:
    """Wait until something has been seen since now."""
    now = time.monotonic()
    watch.between(now, now)


@pytest.fixture
def slow() -> Iterator[str]:
    """The address of a server that stalls once, at the tenth request."""
    asked = iter(range(10**6))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(STALL_S if next(asked) == 10 else 0)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_stall_is_seen_where_it_was(slow: str) -> None:
    with watching("prober", slow) as prober:
        while sum(reading.value > STALL_S * 0.9 for reading in [*prober.readings]) == 0:
            time.sleep(0.05)
        stall = next(each for each in [*prober.readings] if each.value > STALL_S * 0.9)
        middle = (stall.begun + stall.ended) / 2
        assert prober.between(middle, middle) == [stall.value]
        assert stall.value not in prober.between(stall.ended + 0.001, time.monotonic())


def test_what_is_shared_is_weighed_once_and_too_much_is_killed() -> None:
    code = f"import os, time; x = bytearray(64 * {MIB}); os.fork(); time.sleep(600)"
    forked = subprocess.Popen([sys.executable, "-c", code])
    with watching("weigher", str(forked.pid), "0") as weigher:
        seen(weigher)
        seen(weigher)
        assert 64 * MIB < weigher.readings[-1].value < 110 * MIB
        assert forked.poll() is None
    with watching("weigher", str(forked.pid), str(50 * MIB)):
        assert forked.wait(60) == -signal.SIGKILL


def test_the_kernel_is_asked_where_it_has_groups(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/user/shell\n")
    with limited(MIB, tmp_path / "none", own) as limit:
        assert (limit.group, limit.watched) == (None, MIB)
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / "user").mkdir()
    with limited(MIB, tmp_path, own) as limit:
        assert limit.group is not None
        assert limit.group.parent == tmp_path / "user", "beside the own group"
        assert (limit.group / "memory.max").read_text() == str(MIB)
        assert limit.watched == 0
        assert "control group" in str(limit)


def test_without_leave_to_make_a_group_somebody_watches(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/user/shell\n")
    (tmp_path / "cgroup.controllers").touch()
    with limited(MIB, tmp_path, own) as limit:
        assert limit == Limit(MIB, None)
        assert "adds up" in str(limit)
