"""The answer to one generate request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
import PIL.Image

from ._counts import annotated, frame
from ._decode import Array, to_torch
from ._exceptions import MissingData
from ._html import gallery_html
from ._sample import Sample
from ._sheet import sheet
from ._wire import Wire

if TYPE_CHECKING:
    import torch


FACTS = ("seed", "index", "label", "confidence", "uncertainty")
"""What a table says of each sample, beside its counts."""


class JudgeUsage(Wire):
    """What a judge cost."""

    samples: int
    """About which it was asked."""

    seconds: float
    """For which its processes were busy with them, in sum."""


class Usage(Wire):
    """What a request cost."""

    evaluations: int
    """Network evaluations, over all samples."""

    evaluations_saved: int
    """Evaluations that were spared by giving up on doubtful samples early."""

    queue_s: float
    """Seconds until the first sample started."""

    compute_s: float
    """Seconds from then to the last finished sample."""

    judged: JudgeUsage | None = None
    """With ``filter={"then": ...}``."""


class Selection(Wire):
    """What a filter did to the classes; samples of no class are under the empty name."""

    drawn_by_class: dict[str, int]
    """Samples that were made, by name of the class."""

    accepted_by_class: dict[str, int]
    """Of these, those that were accepted."""

    any_good: float | None = None
    """With ``filter={"any_good": ...}``: the probability that at least one of the accepted samples
    is good, as certified; less than was asked for where ``n`` did not suffice."""


class Asked(Wire):
    """Which request it was, and of which model."""

    id: str
    """The server's name for the request."""

    model: str
    """Name of the model that answers."""

    model_version: str
    """Its checksum; equal version, seed and request give equal samples."""

    seed: int
    """Seed of the request."""


class Answered(Asked):
    """What there is to say of a request that is done, besides its samples."""

    usage: Usage
    """What the whole request cost."""

    selection: Selection | None = None
    """How many samples of each class were made and accepted; ``None`` without a filter."""

    summary: dict[str, float | None] | None = None
    """What the samples say together, of models whose family has something to say: of weighted
    samples ``ess``, how many independent ones they are worth, and ``log_z``."""

    calibration_version: str | None = None
    """Of what turned scores into confidence; ``None`` where the model is not calibrated."""

    warnings: tuple[str, ...] = ()
    """What went wrong and did not keep the samples from being made."""


class Result(Answered):
    """The samples of one request: a sequence of `Sample`, with all of them at once as arrays.

    The arrays and images are in the order of the samples: ``result.sorted().images()[0]`` belongs
    to ``result.sorted().confidence[0]``.
    """

    samples: tuple[Sample, ...]
    """Every sample that was made, also those that the filter did not accept; see `accepted`."""

    @property
    def confidence(self) -> npt.NDArray[np.float64]:
        """Confidence of each sample ``[n]``, in [0, 1], higher is surer; NaN where unknown."""
        return np.array([sample.confidence for sample in self.samples], dtype=np.float64)

    @property
    def uncertainty(self) -> npt.NDArray[np.float64]:
        """Raw uncertainty of each sample ``[n]``, lower is surer; NaN where unknown."""
        return np.array([sample.uncertainty for sample in self.samples], dtype=np.float64)

    def array(self) -> Array:
        """Return the samples as float32 ``[n, *shape]``; see `Sample.array` for exactness.

        Raises:
            MissingData: A sample has no data; ``accepted().array()`` leaves those out.
        """
        arrays = [sample.array() for sample in self.samples]
        return np.stack(arrays) if arrays else np.empty((0,), dtype=np.float32)

    def tensor(self) -> torch.Tensor:
        """Return `array` as a torch tensor on the CPU; torch must be installed."""
        return to_torch(self.array())

    def images(self) -> list[PIL.Image.Image]:
        """Return the samples as images; see `Sample.image`.

        Raises:
            MissingData: A sample has no data; ``accepted().images()`` leaves those out.
            NotAnImage: The model does not make images, or the numbers are not finite.
        """
        return [sample.image() for sample in self.samples]

    def smiles(self) -> list[str]:
        """Return the samples as texts; see `Sample.smiles`.

        Raises:
            MissingData: A sample has no data; ``accepted().smiles()`` leaves those out.
        """
        return [sample.smiles() for sample in self.samples]

    def molecules(self) -> list[Any]:
        """Return the samples as molecules of RDKit; see `Sample.molecule`.

        Raises:
            MissingData: A sample has no data; ``accepted().molecules()`` leaves those out.
            ImportError: RDKit is not installed.
        """
        return [sample.molecule() for sample in self.samples]

    def counts(self, components: Sequence[str] = ()) -> dict[str, Array]:
        """Return the counts of all samples by the name of the component, such as a gene, ``[n]``.

        The names are those of the model's card, ``client.models()["cells"].components``; without
        them components are numbered. See `frame` and `anndata` for tables of other packages.

        Raises:
            MissingData: A sample has no data; ``accepted().counts()`` leaves those out.
            ValueError: There is another number of names than of components.
        """
        rows = np.array([sample.array() for sample in self.samples])
        names = components or [str(number) for number in range(rows.shape[-1])]
        return dict(zip(names, rows.T, strict=True))

    def frame(self, components: Sequence[str] = ()) -> Any:
        """Return the counts as a ``pandas.DataFrame``, a row for each sample; see `counts`.

        Raises:
            MissingData: A sample has no data; ``accepted().frame()`` leaves those out.
            ValueError: There is another number of names than of components.
            ImportError: pandas is not installed.
        """
        return frame(self.counts(components))

    def anndata(self, components: Sequence[str] = ()) -> Any:
        """Return the counts as an ``anndata.AnnData``, a cell for each sample; see `counts`.

        Its ``obs`` has the seed, index, label, confidence and uncertainty of each, where known.

        Raises:
            MissingData: A sample has no data; ``accepted().anndata()`` leaves those out.
            ValueError: There is another number of names than of components.
            ImportError: AnnData is not installed.
        """
        columns = {name: [getattr(one, name) for one in self.samples] for name in FACTS}
        given = {name: column for name, column in columns.items() if set(column) != {None}}
        return annotated(self.counts(components), given)

    def sheet(self, columns: int | None = None) -> PIL.Image.Image:
        """Return all samples in one picture, each with its confidence below it; see `sheet`.

        ``accepted().sorted().sheet()`` is the usual one.
        """
        return sheet(self.samples, columns)

    def sorted(self) -> Result:
        """Return the same result with the surest sample first.

        Samples of unknown confidence come last; among equals the less uncertain comes first.
        """
        return self._with(tuple(sorted(self.samples, key=by_doubt)))

    @property
    def best(self) -> Sample:
        """The surest of the accepted samples.

        Raises:
            MissingData: None was accepted.
        """
        for sample in self.accepted().sorted():
            return sample
        raise MissingData(f"none of {len(self)} samples was accepted, so that none is the best")

    def accepted(self) -> Result:
        """Return the same result with only its good samples; see `Sample.accepted`."""
        return self._with(tuple(sample for sample in self.samples if sample.accepted))

    def _with(self, samples: tuple[Sample, ...]) -> Result:
        return self.model_copy(update={"samples": samples})

    def _repr_html_(self) -> str:
        return gallery_html(self.samples, f"{self.model}, seed {self.seed}")

    def __len__(self) -> int:
        return len(self.samples)

    # A result is a sequence of samples; pydantic's own iteration over fields makes way for that.
    def __iter__(self) -> Iterator[Sample]:  # type: ignore[override]
        return iter(self.samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Result: ...
    def __getitem__(self, index: int | slice) -> Sample | Result:
        if isinstance(index, slice):
            return self._with(self.samples[index])
        return self.samples[index]


def by_doubt(sample: Sample) -> tuple[float, float]:
    """Return what samples are sorted by, the surest first."""
    confidence = -inf if sample.confidence is None else sample.confidence
    return -confidence, inf if sample.uncertainty is None else sample.uncertainty
