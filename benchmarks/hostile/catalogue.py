"""All attacks, by the kind of server that they are for."""

from __future__ import annotations

from benchmarks.hostile import (
    assets,
    crashes,
    descriptors,
    fieldwise,
    folders,
    halves,
    jobs,
    lengths,
    loads,
    origins,
    readers,
)
from benchmarks.hostile.attack import Attack
from benchmarks.hostile.target import Setup

BODIES, ANSWERS = ("bodies_bytes",), ("answer_bytes", "job_bytes")

DEFAULT = Setup("the server as it comes")


def catalogue(quick: bool) -> dict[Setup, list[Attack]]:
    """Return all attacks; ``quick`` sends fewer."""
    return {
        DEFAULT: [
            Attack("half a million zeros in every field", lengths.zeros, BODIES),
            Attack("the same in /v2", lengths.tensors, BODIES),
            Attack(f"{lengths.AT_ONCE} of them at once", lengths.at_once, BODIES),
            *(
                Attack(f"hostile {kind}", fieldwise.changed(kind, 50 if quick else 400))
                for kind in fieldwise.KINDS
            ),
            Attack("nonsense in headers of proxies", origins.forwarded),
            Attack("foreign pages and names, on every route", origins.pages),
            Attack(f"{assets.COUNT} unknown files of the studio", assets.assets),
            Attack(f"{halves.COUNT} half-sent bodies of 1 MB", halves.halves, BODIES),
            Attack(f"{loads.COUNT} loads of a model at once", loads.loads),
            *([] if quick else _readers()),
            Attack("kill -9 of the worker under load", crashes.crashes),
        ],
        **({} if quick else _others()),
        Setup("64 descriptors", descriptors=64): [
            Attack(f"{descriptors.COUNT} connections with 64 descriptors", descriptors.descriptors)
        ],
        Setup("to be ended"): [
            Attack("SIGTERM beside half-sent bodies", halves.ending, BODIES, fatal=True)
        ],
    }


def _readers() -> list[Attack]:
    return [
        Attack("20 clients that do not read 9.8 MB", readers.unread(20), ANSWERS),
        Attack("200 clients that do not read 9.8 MB", readers.unread(200), ANSWERS),
        Attack("one that does not read its own", readers.unread_answer, ANSWERS),
        Attack("an answer of 39 MB", readers.large, ANSWERS),
    ]


def _others() -> dict[Setup, list[Attack]]:
    return {
        Setup("little room for jobs", ("--job-bytes", "2000000")): [
            Attack(f"{jobs.MANY} jobs of 1,024 samples, 2 MB for all", jobs.many, ANSWERS)
        ],
        Setup("broken folders", folders=folders.break_folders): [
            Attack("folders that nobody can load", folders.broken)
        ],
    }
