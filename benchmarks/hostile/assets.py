"""Files of the studio that there are none of."""

from __future__ import annotations

from benchmarks.hostile.request import Request
from benchmarks.hostile.sending import Outcome, send
from benchmarks.hostile.target import Target

COUNT = 900
PATHS = (
    "/_nicegui/{}",
    "/_nicegui/3.0/static/{}.js",
    "/_nicegui/x/components/{}",
    "/_nicegui/%00{}",
)


def assets(target: Target) -> Outcome:
    """Nine hundred of them."""
    paths = [PATHS[number % len(PATHS)].format(number) for number in range(COUNT)]
    with target.client() as client:
        return send(client, [Request("GET", path) for path in paths]).expect(404, 429)
