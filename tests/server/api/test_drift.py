"""Whether a certificate is withdrawn follows from the verdicts, whoever is in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sureflow.confidence.certificate import Conformal
from sureflow_server.api.drift import check
from sureflow_server.metrics import Metrics
from sureflow_server.store import Draw, Verdict
from sureflow_server.store.verdict_file import VerdictFile

ID = "0123456789abcdef"
CERTIFICATE = Conformal(np.array([0.5]), np.array([0.01]), {"score": "s", "delta": 0.1})


def verdict(number: int, bad: float) -> Verdict:
    return Verdict("m", "sha256:1", ID, Draw(ID, number).id, "", "", bad, 1.0, "{}")


def stream() -> Any:
    return SimpleNamespace(
        id=ID,
        card=SimpleNamespace(name="m", calibration_version=""),
        calibration=SimpleNamespace(conformal=CERTIFICATE, certificates=(CERTIFICATE,)),
        certificate=CERTIFICATE,
        certificates=[(0, CERTIFICATE)],
        edit=None,
        strata=(),
        confidence=lambda unsure: 1 - np.asarray(unsure),
    )


def service(store: VerdictFile) -> Any:
    return SimpleNamespace(
        verdict_store=store,
        metrics=Metrics(),
        withdrawn={},
        learning=asyncio.Lock(),
        pool=SimpleNamespace(cards={}),
    )


@pytest.mark.parametrize("late", [0.0, 1.0])
def test_verdicts_that_come_in_between_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    """Another request changes the verdicts, and is through, before this one notes what follows."""
    change = "withdraw" if late == 0 else "restore"
    inner, there = getattr(VerdictFile, change), [verdict(number, late) for number in range(3)]

    async def delayed(store: VerdictFile, *args: str) -> bool:
        while there:
            await store.put(there.copy())
            there.clear()
            await check(service(store), stream())
        changed: bool = await inner(store, *args)
        return changed

    async def run() -> None:
        store = await VerdictFile.open(tmp_path, 9)
        await store.extend(ID, 0, [0.1] * 3)
        await store.put([verdict(number, 1 - late) for number in range(3)])
        monkeypatch.setattr(VerdictFile, change, delayed)
        ours = service(store)
        reasons = await check(ours, stream())
        assert len(reasons) == late
        assert ours.withdrawn == await store.withdrawn()
        assert [*ours.withdrawn] == ([CERTIFICATE.version] if reasons else [])
        await store.close()

    asyncio.run(run())
