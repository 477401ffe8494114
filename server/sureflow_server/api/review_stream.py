"""The draws of a model that a review is of."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.recalibration import check_examples, scored
from sureflow.core.arrays import Floats
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow_server.api.calibration_in_service import calibration_in_service
from sureflow_server.api.problems import Problem
from sureflow_server.engine.pool import Pool
from sureflow_server.store import Draw

KNOWN = 32
"""Streams that are kept in memory."""

GUIDANCE = "guidance"
"""A review is of draws without guidance, where a model can be guided."""


class ReviewStream:
    """Draws of one model at one setting, its classes in turn, from a seed of their own.

    They are the same for every reviewer and every server. Their setting is that of the certificate
    in service, or of the reference draws. Another version of the model, another score or another
    probe has another stream, so that no probe is certified by what it was fitted to.

    Attributes:
        card: The model.
        calibration: By which the draws have confidence.
        score: Name of the score.
        setting: How the draws are run.
        id: 16 hexadecimal digits.
        seed: That of all draws.

    Raises:
        ValueError: The model cannot be drawn from like this.
    """

    def __init__(self, card: ModelCard, calibration: Calibration) -> None:
        check_examples(card, {})
        self.card, self.calibration = card, calibration
        self.score = calibration.score
        if calibration.conformal is not None:
            self.score = calibration.conformal.note["score"]
        self.setting = _setting(calibration)
        said = [card.version, self.score, self.setting.record(), card.probed]
        self.id = sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
        self.seed = int(self.id, 16) >> 11  # every JSON client keeps it exact
        self._turns = self._lanes()
        if not self._turns:
            raise ValueError(f"confidence.method: {card.name} has no {self.score} at this setting")

    def lane(self, index: int) -> LaneSpec:
        """The lane of a draw."""
        turn = self._turns[index % len(self._turns)]
        return family_of(self.card).drawn(self.card, replace(turn, index=index))

    def stratum(self, index: int) -> str:
        """The stratum of a draw; empty without a condition."""
        return family_of(self.card).strata(self._turns[index % len(self._turns)])[0][0]

    @property
    def strata(self) -> tuple[str, ...]:
        """Those of which draws are in turn; none where two of these share a stratum."""
        found = tuple(map(self.stratum, range(len(self._turns))))
        return found if len({*found}) == len(found) else ()

    def label(self, index: int) -> str | None:
        """Name of the class of a draw, if it has one."""
        return self.card.class_of(self.stratum(index))

    def confidence(self, uncertainty: Sequence[float]) -> Floats:
        """Confidence of the draws from the first on, ``[D]``, NaN where there is none."""
        made, turns = self.calibration, len(self._turns)
        values = np.array(uncertainty, np.float64)
        weights = made.weights(family_of(self.card), self.setting)
        for turn in range(min(turns, len(values))):
            ranks = made.ranks(self.score, values[turn::turns], self.stratum(turn), weights)
            found = made.measured.confidence(ranks, self.score, self.stratum(turn), self.setting)
            values[turn::turns] = found
        return values

    def note(self) -> dict[str, Any]:
        """What a certificate of these draws says of them."""
        said = {"judge": "review", "score": self.score, "seed": self.seed, "stream": self.id}
        return {**said, **self.setting.record()}

    def draw(self, index: int) -> Draw:
        """A draw by its index."""
        return Draw(self.id, index)

    def _lanes(self) -> list[LaneSpec]:
        """A lane of every class, or the one of a model without classes."""
        lanes = scored(self.card, self.setting, (self.score,), self.seed)
        family = family_of(self.card)
        return [
            lane
            for lane in lanes
            if lane.scores and (family.strata(lane)[0][0] or not self.card.classes)
        ]


class ReviewStreams:
    """Finds the streams of models; those used last are kept."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: OrderedDict[tuple[str, str, str], ReviewStream] = OrderedDict()

    async def of(self, card: ModelCard) -> ReviewStream:
        """Return the stream of a model in service.

        Raises:
            Problem: It has no confidence, or cannot be drawn from without conditions.
        """
        key = card.name, card.version, card.calibration_version
        if key not in self._known:
            calibration = await calibration_in_service(self._pool, card)
            try:
                self._known[key] = ReviewStream(card, calibration)
            except ValueError as error:
                raise Problem("no-review", f"{card.name}: {error}") from error
        self._known.move_to_end(key)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return self._known[key]

    async def find(self, id: str, cards: Iterable[ModelCard]) -> ReviewStream | None:
        """Return the stream of this id, if it is that of a model in service."""
        for card in cards:
            found = await self.any_of(card) if card.calibration_version else None
            if found is not None and found.id == id:
                return found
        return None

    async def any_of(self, card: ModelCard) -> ReviewStream | None:
        """Return the stream of a model in service, if it has one."""
        try:
            return await self.of(card)
        except Problem:
            return None


def _setting(calibration: Calibration) -> Setting:
    """That of the certificate; without one that of reference draws without guidance."""
    references = calibration.references
    if calibration.conformal is not None:
        return calibration.setting_of(calibration.conformal)
    plain = (one for one in references if one.numbers.get(GUIDANCE, 1.0) == 1.0)
    return next(plain, references[0])
