"""How far the review of a model has come, and what to look at next."""

from __future__ import annotations

from typing import Any

import PIL.Image
from pydantic import Field

from ._decode import PNG, Array, Encoded, array_image, decode_array, decode_image
from ._exceptions import MissingData
from ._molecule import SMILES, TEXTS, drawing, text_of
from ._structure import Structure, structure_of
from ._structure import drawing as crystal_drawing
from ._wire import Wire


class Proposed(Wire):
    """A sample to look at."""

    draw: str
    """Its name in a verdict."""

    label: str | None
    """The class that was asked for, if there is one."""

    media_type: str
    """How ``data`` is encoded."""

    shape: tuple[int, ...]
    """Shape of the sample: ``[channels, height, width]`` for images."""

    data: Encoded | None = Field(repr=False)
    """The encoded sample. Read it by `array` or `image`."""

    confidence: float | None = None
    """Only where scores were asked for; a reviewer who knows it is not blind."""

    uncertainty: float | None = None
    """Likewise."""

    def array(self) -> Array:
        """Return the sample as a float32 array; values of PNG are rounded to 8 bits."""
        return decode_array(self._data(), self.media_type, self.shape)

    def smiles(self) -> str:
        """Return the text of a sequence, such as the SMILES of a molecule, valid or not."""
        data = self._data()
        if isinstance(data, str) and self.media_type in TEXTS:
            return data
        return text_of(self.array())

    def structure(self) -> Structure:
        """Return a crystal; raise `NotAnImage` where it is none."""
        return structure_of(self._data())

    def image(self) -> PIL.Image.Image:
        """Return the sample as an image; raise `NotAnImage` where it is none."""
        data = self._data()
        if isinstance(data, dict):
            return crystal_drawing(structure_of(data))
        if isinstance(data, str) and self.media_type == SMILES:
            return drawing(data)
        if isinstance(data, str) and self.media_type == PNG:
            return decode_image(data)
        return array_image(self.array())

    def _data(self) -> Encoded:
        if self.data is None:
            raise MissingData(f"draw {self.draw} came without data")
        return self.data


class CurvePoint(Wire):
    """What the verdicts say of the samples that are accepted from some confidence on."""

    confidence: float
    """From this confidence on."""

    accepted: float | None
    """Share of the draws that have it."""

    judged: int
    """Of these, those that count."""

    bad: int
    """Of these, those that are bad."""

    bound: float
    """At most this share is bad, whenever one looks."""


class Needed(Wire):
    """How many more verdicts it takes."""

    max_bad_rate: float
    """To certify this rate."""

    verdicts: int | None
    """On samples of high confidence, if none of them is bad; ``None`` where it is very many."""


class Certificate(Wire):
    """The certificate that ``filter={"max_bad_rate": ...}`` goes by."""

    version: str
    """What tells it from any other."""

    judge: str
    """Who judged; ``review`` where it was made of verdicts."""

    draws: int
    """How many samples were judged."""

    smallest: float
    """The smallest bad rate that can be asked for."""

    withdrawn: str | None
    """Why it does not hold any more; ``None`` if it does."""

    evidence: float
    """Of later verdicts on random draws, against it."""


class Review(Wire):
    """How far the review of a model has come, and what to look at next."""

    model: str
    """Name of the model."""

    model_version: str
    """Its checksum."""

    calibration_version: str
    """That of what turns scores into confidence, the certificate included."""

    stream: str
    """Which draws are reviewed."""

    score: str
    """What confidence is by."""

    setting: dict[str, Any]
    """How the draws are made."""

    edit: dict[str, Any] | None = None
    """How they are edited; ``None`` if they are from noise alone."""

    draws: int
    """How many are known."""

    judged: int
    """How many have a verdict."""

    reviewers: dict[str, int]
    """Verdicts by name of the reviewer."""

    delta: float
    """Risk that a bound is too small."""

    smallest: float | None
    """The smallest bad rate that the verdicts would certify; ``None`` if none."""

    needed: Needed
    """How many more verdicts it takes."""

    curve: tuple[CurvePoint, ...]
    """The bound over the confidence from which samples are accepted."""

    certificate: Certificate | None
    """The one that filters go by."""

    samples: tuple[Proposed, ...]
    """What to look at next."""

    warnings: tuple[str, ...] = ()
    """What went wrong and did not keep it from being done."""
