"""Samples that were served, as far as they count for or against a certificate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sureflow.confidence.served import BadSample, hundredth
from sureflow.core.family import family_of
from sureflow_server.api.certified import Certified, tables_of
from sureflow_server.api.judged_sample import JudgedSample
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem
from sureflow_server.exposure import Exposure, of_stratum
from sureflow_server.served import COUNTS_FOR, Served
from sureflow_server.service import Service
from sureflow_server.store import Verdict
from sureflow_server.turns import Turns

SERVED_BEFORE = "served_before"
"""Fact of a sample: how many of its stratum had been served when it was first judged."""


async def count(exposure: Exposure, plan: Plan, samples: Mapping[int, Served]) -> None:
    """Count samples of a request that its client has not chosen, and note that they count.

    They are made from a seed that the server has drawn, as those that the certificate is about, and
    none was given up on the way.
    """
    version, turns = _counts(plan), Turns()
    if version is None:
        return
    for served in samples.values():
        confidence = served.facts["confidence"]
        if confidence is not None:
            stratum = family_of(served.spec).strata(served.spec)[0][0]
            exposure.add(version, stratum, hundredth(confidence))
            served.facts[COUNTS_FOR] = version
        await turns.step()


def counting(version: str, certificate: int) -> str:
    """By what samples are counted for one of the certificates of a version of a calibration.

    It is the one at this place of its ``certificates``.
    """
    return f"{version} {certificate}"


def standing_for(kind: str) -> str:
    """By what those of them are counted that the standing judge has looked at."""
    return f"{kind} standing"


def _counts(plan: Plan) -> str | None:
    """For which certificate samples of a request count; ``None`` for none."""
    card = plan.card
    if not plan.drawn or plan.halving is not None or plan.lanes[0].early is not None:
        return None
    if not (tables := tables_of(card)):
        return None
    try:
        certified = Certified.of(card, plan.turns or plan.lanes[:1], "", {})
    except Problem:
        return None
    if not certified.tells_apart:
        return None
    (place,) = [place for place, one in enumerate(tables) if one is certified.table]
    return counting(card.calibration_version, place)


async def with_counts(service: Service, samples: Iterable[JudgedSample]) -> list[JudgedSample]:
    """Say of samples that count how many had been served when they were first judged.

    Raises:
        StoreError: It cannot be told.
    """
    found, counts = list[JudgedSample](), dict[str, Mapping[str, int]]()
    for sample in samples:
        if sample.counted is not None:
            facts = sample.counted.facts
            if SERVED_BEFORE not in facts:
                version = facts[COUNTS_FOR]
                if version not in counts:
                    await service.exposure.count(service.verdict_store)
                    counts[version] = await service.verdict_store.counted(version)
                facts[SERVED_BEFORE] = of_stratum(counts[version], sample.facts["stratum"])
            known = {name: facts[name] for name in (COUNTS_FOR, SERVED_BEFORE)}
            sample = replace(sample, facts={**sample.facts, **known})
        found.append(sample)
    return found


def bad_samples(verdicts: Iterable[Verdict], version: str, bad_above: float) -> Sequence[BadSample]:
    """Samples that were found bad, of those that are counted by this."""
    bad = [each for each in verdicts if each.bad > bad_above and version in each.facts]
    read: list[tuple[Verdict, dict[str, Any]]] = [(each, json.loads(each.facts)) for each in bad]
    return [
        BadSample(each.sample, facts["stratum"], facts["confidence"], facts[SERVED_BEFORE])
        for each, facts in read
        if facts.get(COUNTS_FOR) == version
    ]
