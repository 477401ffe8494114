"""The draws of a model that a review is of."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.certificate import Conformal
from sureflow.confidence.certificates import EDIT, KEY, edit_of
from sureflow.confidence.recalibration import check_examples, scored
from sureflow.core.arrays import Floats
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import Branch, LaneSpec
from sureflow.core.setting import Setting
from sureflow_server.api.calibration_in_service import calibration_in_service
from sureflow_server.api.certified import tables_of
from sureflow_server.api.edited_draws import EditedDraws, edit_key, edited_lane
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

    With an edit they are edited ones: each of the same draws is left at the same step, and what is
    done there draws from a seed of its own.

    Attributes:
        card: The model.
        calibration: By which the draws have confidence.
        edit: Of the draws; ``None`` for draws from noise alone.
        key: What tells that edit from others; ``None`` likewise.
        score: Name of the score.
        setting: How the draws are run.
        id: 16 hexadecimal digits.
        seed: That of all draws.

    Raises:
        ValueError: The model cannot be drawn from like this.
        Problem: The draws cannot be edited like this; names the field.
    """

    def __init__(
        self, card: ModelCard, calibration: Calibration, edit: EditedDraws | None = None
    ) -> None:
        check_examples(card, {})
        self.card, self.calibration, self.edit = card, calibration, edit
        self.score = calibration.score
        if calibration.conformal is not None:
            self.score = calibration.conformal.note["score"]
        self.setting = _setting(calibration)
        turns = self._lanes()
        if not turns:
            raise ValueError(f"confidence.method: {card.name} has no {self.score} at this setting")
        self.key = None if edit is None else edit_key(edited_lane(card, turns[0], edit))
        said = [card.version, self.score, self.setting.record(), card.probed]
        said += [] if self.key is None else [self.key]  # however the edit was written
        self.id = sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
        self.seed = int(self.id, 16) >> 11  # every JSON client keeps it exact
        self._turns = [replace(turn, seed=self.seed) for turn in turns]
        self._edited = [] if edit is None else [edited_lane(card, z, edit) for z in self._turns]

    def lane(self, index: int) -> LaneSpec:
        """The lane of a draw."""
        place = index % len(self._turns)
        draw = family_of(self.card).drawn(self.card, replace(self._turns[place], index=index))
        if not self._edited:
            return draw
        edited = self._edited[place]
        assert isinstance(edited.origin, Branch)
        return replace(edited, index=index, origin=replace(edited.origin, parent=draw))

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
        made, turns, family = self.calibration, len(self._turns), family_of(self.card)
        values, setting = np.array(uncertainty, np.float64), self.setting
        if self._edited:  # which are ranked as others are that are run like them
            setting = family.setting(self._edited[0]) or setting
        weights = made.weights(family, setting)
        for turn in range(min(turns, len(values))):
            ranks = made.ranks(self.score, values[turn::turns], self.stratum(turn), weights)
            found = made.measured.confidence(ranks, self.score, self.stratum(turn), setting)
            values[turn::turns] = found
        return values

    def note(self) -> dict[str, Any]:
        """What a certificate of these draws says of them."""
        said = {"judge": "review", "score": self.score, "seed": self.seed, "stream": self.id}
        setting = self.setting.record()
        if self.edit is None:
            return {**said, **setting}
        edit = {**self.edit.record(), KEY: self.key}
        return {**said, **setting, "setting": setting, EDIT: edit}

    @property
    def certificates(self) -> list[tuple[int, Conformal]]:
        """Certificates that these draws may contradict, and their places among all of the model.

        Those from noise alone may contradict any that is about such samples.
        """
        known = enumerate(self.calibration.certificates)
        return [(place, one) for place, one in known if edit_of(one.note) == self.key]

    @property
    def certificate(self) -> Conformal | None:
        """The one in service at the setting of the draws."""
        if self.edit is None:
            return self.calibration.conformal
        return next((one for _, one in self.certificates if one.note["score"] == self.score), None)

    def certified(self, present: Calibration, made: Conformal) -> Calibration:
        """A calibration with another certificate of these draws."""
        if self.edit is None:
            return replace(present, conformal=made, version="")
        return present.certified(made)

    def draw(self, index: int) -> Draw:
        """A draw by its index."""
        return Draw(self.id, index)

    def _lanes(self) -> list[LaneSpec]:
        """A lane of every class, or the one of a model without classes."""
        lanes = scored(self.card, self.setting, (self.score,), 0)
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
        self._known: OrderedDict[tuple[str, ...], ReviewStream] = OrderedDict()

    async def of(self, card: ModelCard, edit: EditedDraws | None = None) -> ReviewStream:
        """Return the stream of a model in service, of draws from noise alone or edited ones.

        Raises:
            Problem: It has no confidence, or cannot be drawn from without conditions, or edited
                like this.
        """
        key = card.name, card.version, card.calibration_version, _spelled(edit)
        if key not in self._known:
            calibration = await calibration_in_service(self._pool, card)
            try:
                self._known[key] = ReviewStream(card, calibration, edit)
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
        return await self._find_edited(id, cards)

    async def _find_edited(self, id: str, cards: Iterable[ModelCard]) -> ReviewStream | None:
        """The stream of this id, of an edit that has been asked for, or that is certified."""
        known = [one for one in self._known.values() if one.id == id and one.edit is not None]
        for card in cards:
            edits = [one.edit for one in known if one.card.name == card.name]
            edits += [_edit_of(table) for table in tables_of(card) if edit_of(table) is not None]
            for edit in edits:
                found = await self.any_of(card, edit)
                if found is not None and found.id == id:
                    return found
        return None

    async def any_of(self, card: ModelCard, edit: EditedDraws | None = None) -> ReviewStream | None:
        """Return the stream of a model in service, if it has one."""
        try:
            return await self.of(card, edit)
        except Problem:
            return None


def _edit_of(said: Mapping[str, Any]) -> EditedDraws:
    """The edit that a certificate is about, by what the card says of it."""
    return EditedDraws.model_validate({n: part for n, part in said[EDIT].items() if n != KEY})


def _spelled(edit: EditedDraws | None) -> str:
    return "" if edit is None else edit.model_dump_json()


def _setting(calibration: Calibration) -> Setting:
    """That of the certificate; without one that of reference draws without guidance."""
    references = calibration.references
    if calibration.conformal is not None:
        return calibration.setting_of(calibration.conformal)
    plain = (one for one in references if one.numbers.get(GUIDANCE, 1.0) == 1.0)
    return next(plain, references[0])
