from __future__ import annotations

import re

from tests.server.running import Server


def test_programs_that_read_are_told_every_door(server: Server) -> None:
    answer = server.client.get("/llms.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("# Sureflow\n\n> ")
    told = re.findall(r"^- ([A-Z]+) (/\S+): \S", answer.text, re.MULTILINE)
    paths = server.client.get("/openapi.json").json()["paths"]
    assert told == [(method.upper(), path) for path, one in paths.items() for method in one]
    for path in re.findall(r"\]\((/\S+)\)", answer.text):
        assert server.client.get(path).status_code == 200
