"""One sample of an answer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import PIL.Image
from pydantic import Field

from ._decision import Decision
from ._decode import (
    NPY,
    PNG,
    Array,
    Encoded,
    array_image,
    decode_array,
    decode_file,
    decode_image,
    to_torch,
)
from ._exceptions import MissingData
from ._html import sample_html
from ._molecule import SMILES, TEXTS, drawing, molecule_of, text_of
from ._profile import Commit, Profile
from ._structure import Structure, structure_of
from ._structure import drawing as crystal_drawing
from ._wire import Wire

if TYPE_CHECKING:
    import torch


class Steps(Wire):
    """How many solver steps a sample took."""

    accepted: int
    """Steps that moved the sample."""

    rejected: int
    """Steps that an adaptive solver tried and discarded."""


class HandleLink(Wire):
    """By what a trajectory can be looked through (`Client.frames`) and edited (`Client.edit`)."""

    id: str
    """Name of the handle."""

    expires_at: datetime
    """When the server forgets it."""

    bytes: int
    """What it takes in the server's store, key frames included."""

    frames: tuple[float, ...]
    """Times of its key frames."""


class Sample(Wire):
    """One sample, with what is known about its quality."""

    index: int
    """Position in the request. Equal model, seed, index and settings give equal samples, so that
    ``generate(seed=sample.seed, first=sample.index)`` makes it again alone."""

    seed: int
    """Seed of the request that made it."""

    label: str | None = None
    """Name of the class that was asked for; ``None`` without one."""

    media_type: str
    """How ``data`` is encoded."""

    shape: tuple[int, ...]
    """Shape of one sample: ``[channels, height, width]`` for images."""

    data: Encoded | None = Field(repr=False)
    """The encoded sample; ``None`` when withheld or not finite. Read it by `array` or `image`."""

    confidence: float | None
    """In [0, 1], higher is surer: the share of draws like this one that are less sure.

    ``None`` where the model is not calibrated for the score, class and guidance of the request.
    """

    confidence_holds: bool | None = None
    """Whether that share was measured for the settings of the request. If not, confidence only puts
    samples of equal settings in order. ``None`` where there is none."""

    uncertainty: float | None
    """Raw score, lower is surer; its meaning depends on ``method``."""

    method: str
    """How the confidence was computed; scores of different methods do not compare."""

    semantics: str
    """What a large value means, such as ``ambiguity``."""

    unit: str
    """Of ``uncertainty``."""

    scores: dict[str, float | None]
    """All scores that were asked for, by name; lower is surer."""

    numbers: dict[str, float | None] | None = None
    """What else the model's family knows of it, such as the ``log_weight`` of a weighted sample."""

    commit: Commit
    """When the sample had mostly decided what it would be."""

    profile: Profile | None = Field(default=None, repr=False)
    """Uncertainty over time, where asked for."""

    map: str | list[Any] | None = Field(default=None, repr=False)
    """Uncertainty per component, encoded, where asked for. Read it by `map_array`."""

    decision: Decision | None
    """The filter's decision; ``None`` for a request without a filter."""

    finish_reason: str
    """``converged``, ``max_steps``, ``abandoned``, ``cancelled``, ``diverged`` or ``deadline``."""

    steps: Steps
    """Solver steps taken."""

    evaluations: int
    """Network evaluations that the sample cost; a guided one counts two."""

    tolerance: float | None = None
    """The widest tolerance of an adaptive sample: the requested one, unless the server relaxed it
    to meet the deadline; ``None`` on a fixed grid."""

    inversion_error: float | None = None
    """Of a sample that was given: rms difference between it and what the flow makes of the noise
    that was found, relative to the size of such data; ``None`` for any other. Above 0.1 the sample
    has no confidence, since its scores are not of what was given."""

    handle: HandleLink | None = None
    """By what it can be looked through and edited, where ``rewind`` was asked for. ``None`` also
    for samples that cannot be made again: stopped early, or relaxed to meet their deadline."""

    parent: str | None = None
    """The handle that it branched off from; ``None`` if it did not."""

    rewound_from: int | None = None
    """Index of the sample of this request in whose place it was made, from its commit point on."""

    @property
    def accepted(self) -> bool:
        """Whether the sample came out well: finite, and past the request's filter if any."""
        passed = self.decision is None or self.decision.action_taken == "accepted"
        return passed and self.data is not None and self.finish_reason != "diverged"

    def array(self) -> Array:
        """Return the sample as float32 ``[*shape]``, in the units of the training data.

        A sample that came as PNG has been rounded to 256 levels: the values are in [-1, 1], within
        1/255 of the exact ones where those were inside. Ask for ``output="npy"`` to get the exact
        data.

        Raises:
            MissingData: The filter withheld the sample, or its numbers are not finite.
        """
        return decode_array(self._data(), self.media_type, self.shape)

    def tensor(self) -> torch.Tensor:
        """Return `array` as a torch tensor on the CPU; torch must be installed."""
        return to_torch(self.array())

    def image(self) -> PIL.Image.Image:
        """Return the sample as an 8-bit image; values are clipped to [-1, 1] first.

        A molecule that came as SMILES is drawn by RDKit, a crystal that came with names by us.

        Raises:
            MissingData: The filter withheld the sample, or its numbers are not finite.
            NotAnImage: The model does not make images, or the numbers are not finite.
        """
        data = self._data()
        if isinstance(data, dict):
            return crystal_drawing(structure_of(data))
        if isinstance(data, str) and self.media_type == PNG:
            return decode_image(data)
        if isinstance(data, str) and self.media_type == SMILES:
            return drawing(data)
        return array_image(self.array())

    def smiles(self) -> str:
        """Return the text of a sequence, such as the SMILES of a molecule, valid or not.

        Raises:
            MissingData: The filter withheld the sample, or its numbers are not finite.
        """
        data = self._data()
        if isinstance(data, str) and self.media_type in TEXTS:
            return data
        return text_of(self.array())

    def molecule(self) -> Any:
        """Return the molecule as an ``rdkit.Chem.Mol``; ``None`` if the SMILES means none.

        Raises:
            MissingData: The filter withheld the sample, or its numbers are not finite.
            ImportError: RDKit is not installed.
        """
        return molecule_of(self.smiles())

    def structure(self) -> Structure:
        """Return a crystal that came with names.

        Raises:
            MissingData: The filter withheld the sample, or its numbers are not finite.
            NotAnImage: The data are no crystal, or came in a format without names.
        """
        return structure_of(self._data())

    def file(self) -> tuple[str, bytes]:
        """Return the sample as a file: the suffix of its name, such as ``.png``, and its bytes.

        It is as the server encoded it; numbers that came as a list are those of a ``.npy`` file.

        Raises:
            MissingData: The filter withheld the sample, or its numbers are not finite.
            UnexpectedResponse: The data are damaged.
        """
        return decode_file(self._data(), self.media_type)

    def map_array(self) -> Array:
        """Return the uncertainty per component; it sums to the score ``propagated``.

        ``[*shape]``, or, where samples are another form of states, of the shape of a state.

        Raises:
            MissingData: The request did not ask for ``map=True``, or it is not finite.
        """
        if self.map is None:
            raise MissingData(f"sample {self.index} has no map; was it asked for by map=True?")
        return decode_array(self.map, NPY, None)

    def _repr_html_(self) -> str:
        return sample_html(self, self.profile, (self.commit,))

    def _data(self) -> Encoded:
        if self.data is None:
            raise MissingData(f"sample {self.index} has no data: {self._why_missing()}")
        return self.data

    def _why_missing(self) -> str:
        taken = self.decision.action_taken if self.decision else "accepted"
        return self.finish_reason if taken == "accepted" else f"the filter {taken} it"
