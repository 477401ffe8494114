import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.serving.servers import KINDS, Kind, Setting, UnavailableError, kind, started

SETTING = Setting("fashion", 16, 1.0)
FAMILY = """
import http.server, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_server_and_its_children_have_one_core_and_end_together() -> None:
    core = max(os.sched_getaffinity(0))
    stub = Kind("stub", lambda port, setting: [sys.executable, "-c", FAMILY, str(port)])
    with started(stub, SETTING, core) as server:
        family = server.processes()
        assert len(family) == 2
        assert server.cores() == {core}
    deadline = time.monotonic() + 60
    while any(_runs(pid) for pid in family):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_dies_says_what_it_printed() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    stub = Kind("stub", lambda port, setting: command)
    with pytest.raises(UnavailableError, match="no such luck"), started(stub, SETTING, 0):
        pass


def test_peers_can_be_given_another_batch() -> None:
    plain, tuned = kind("threads"), kind("threads:4:0.5")
    assert tuned.command(1, SETTING) == [
        *plain.command(1, SETTING),
        "--batch",
        "4",
        "--wait",
        "0.5",
    ]
    assert tuned.name == "FastAPI threads 4/0.5 s"


def test_an_unknown_server_is_an_error() -> None:
    with pytest.raises(ValueError, match="choose from sureflow, request"):
        kind("nginx")
    ours, peers = {"sureflow", "request"}, {"threads", "litserve", "bentoml", "ray"}
    assert set(KINDS) == {*ours, *peers, "litserve-patient"}


def test_ours_gets_the_body_alone_and_peers_the_time_with_it() -> None:
    body = {"n": 1}
    assert kind("sureflow").wrap(body, 2.0) == body
    assert kind("threads").wrap(body, 2.0) == {"n": 1, "sent": 2.0}
    listed = Kind("listed", lambda port, setting: [], listed=True)
    assert listed.wrap(body, 2.0) == {"bodies": [{"n": 1, "sent": 2.0}]}


def _runs(pid: int) -> bool:
    """Whether it is there and no zombie; orphans are for init to bury."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
