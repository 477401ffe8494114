"""Every field of every request, one at a time, in one hostile way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.hostile.jobs import discard
from benchmarks.hostile.mutations import mutations
from benchmarks.hostile.request import Sound
from benchmarks.hostile.sending import Outcome, handle_of, send
from benchmarks.hostile.sound import sound
from benchmarks.hostile.target import Target

KINDS = ("numbers", "texts", "kinds", "depth", "lengths", "unknown fields", "names", "headers")


def changed(kind: str, count: int) -> Callable[[Target], Outcome]:
    """Return an attack by so many requests that are changed in this kind of way."""

    def attack(target: Target) -> Outcome:
        with target.client() as client:
            requests = [_on_ring(each) for each in sound(handle_of(client, {"model": "ring"}))]
            every = [each for each in mutations(requests) if each.kind == kind]
            outcome = send(client, random.Random(1).sample(every, min(count, len(every))))
            discard(client)  # a calibration that is asked for, and ends, gives other confidence
            return outcome

    return attack


def _on_ring(request: Sound) -> Sound:
    """The request of ``ring``, which has no labels and makes vectors; it need not succeed."""
    names = {name: _ring(value) for name, value in request.names.items()}
    return replace(request, names=names, body=_ring(request.body))


def _ring(tree: Any) -> Any:
    text = json.dumps(tree)
    for name in ("points", "icons"):
        text = text.replace(f'"{name}"', '"ring"')
    return json.loads(text)
