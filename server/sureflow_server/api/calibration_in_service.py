"""The calibration that a model is served with, and putting another one in its place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.calibration_file import version_of, write
from sureflow.core.card import ModelCard
from sureflow_server.api.problems import Problem
from sureflow_server.engine.errors import EngineError
from sureflow_server.engine.pool import Pool
from sureflow_server.store import StoreError, VerdictStore

log = logging.getLogger(__name__)

_replacing = asyncio.Lock()
"""What is learned of one setting is added to what has been learned of others."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A calibration that has been put into service.

    Attributes:
        made: The calibration.
        card: Of the model, as it is now.
        warning: Why it does not lie beside the checkpoint; ``None`` if it does.
    """

    made: Calibration
    card: ModelCard
    warning: str | None

    @property
    def kept(self) -> bool:
        """Whether it lies beside the checkpoint."""
        return self.warning is None


async def calibration_in_service(pool: Pool, card: ModelCard) -> Calibration:
    """Return the calibration of a model.

    Raises:
        Problem: It has none, or others than those in service lie beside it.
    """
    try:
        data = await asyncio.to_thread(pool.calibration_of, card.name)
    except OSError:
        message = f"`sureflow calibrate {card.name}` makes them"
        raise Problem("not-calibrated", message) from None
    known = await asyncio.to_thread(Calibration.decode, data)
    if known.version != card.calibration_version:
        message = f"POST /v1/models/{card.name}/load takes the other one into service"
        raise Problem("calibration-changed", message)
    return known


async def replace_calibration(
    pool: Pool, store: VerdictStore, name: str, change: Callable[[Calibration], Calibration]
) -> Replaced:
    """Change the calibration of a model, in service and beside its checkpoint.

    Servers over the same store follow, see :func:`follow`.

    Raises:
        EngineError: The model is no longer in service.
    """
    async with _replacing:
        present = await asyncio.to_thread(pool.calibration_of, name)
        known = await asyncio.to_thread(Calibration.decode, present)
        made = await asyncio.to_thread(change, known)
        data = await asyncio.to_thread(made.encode)
        before = [known.version]
        if name in pool.cards:
            before.append(pool.cards[name].calibration_version)
        done = Replaced(made, *await _put(pool, name, data))
        try:
            await store.succeed(name, before, done.card.calibration_version, data)
        except StoreError as error:
            log.warning("other servers do not hear of the calibration of %s: %s", name, error)
        return done


async def follow(pool: Pool, store: VerdictStore) -> None:
    """Take into service what other servers have put in place of calibrations in service here.

    What an operator has put there in the meantime is left alone, since nothing is in its place.

    Raises:
        StoreError: It cannot be told what there is.
    """
    for name, successor in (await store.successors()).items():
        card = pool.cards.get(name)
        if card is None or card.calibration_version not in successor.instead:
            continue
        async with _replacing:
            data = await store.successor(name)
            if data is None or version_of(data) != successor.version:
                continue  # another one has come in between
            try:
                await _put(pool, name, data)
            except (EngineError, ValueError) as error:
                log.warning("the calibration of %s at other servers is none here: %s", name, error)


async def _put(pool: Pool, name: str, data: bytes) -> tuple[ModelCard, str | None]:
    """Put a calibration beside the checkpoint and into service.

    Returns:
        The card of the model as it is then, and why it does not lie beside the checkpoint.
    """
    warning = None
    try:
        await asyncio.to_thread(write, pool.calibration_file(name), data)
    except OSError as error:
        log.warning("the calibration of %s is in memory alone: %s", name, error)
        reason = f"the folder of the model cannot be written: {error.strerror}"
        warning = f"{reason}; the calibration is gone when the server ends"
    return await pool.recalibrate(name, data, warning is not None), warning
