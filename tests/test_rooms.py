"""What is dear to start is asked for in one room, or every process would start it anew."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.conftest import room

DEAR = ("behind", "documented", "embedded", "foreign", "guarded", "keeping", "keyed", "pair")
SERVERS = (*DEAR, "server", "watched")
"""Fixtures of the session that start servers, or another name for one."""


def test_every_server_of_the_session_is_asked_for_in_one_room(
    request: pytest.FixtureRequest,
) -> None:
    rooms: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in request.session.items:
        known = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
        for name in {*SERVERS} & known.keys():
            fixture = known[name][-1]
            if fixture.scope == "session":
                rooms[fixture.baseid, name].add(room(item.nodeid))
    assert rooms or len(request.session.items) < 1000, "or nothing is looked at"
    assert {place: found for place, found in rooms.items() if len(found) > 1} == {}
