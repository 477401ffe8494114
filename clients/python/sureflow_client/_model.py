"""What the server says about its models."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ._card import card_html, card_text, table_html
from ._wire import Wire


class Model(Wire):
    """The card of one model; of one that failed or is unloaded, all but the name may be empty."""

    name: str
    """The name that requests use."""

    state: str
    """``ready``, ``failed`` or ``unloaded``."""

    default: bool
    """Whether requests that name no model get this one."""

    loaded: bool | None = None
    """Whether it is in memory; if not, the first request for it waits until it is."""

    error: str | None = None
    """Why it failed."""

    version: str | None = None
    """Its checksum; equal version and equal request give equal samples."""

    family: str | None = None
    """What kind of process makes its samples."""

    media: str | None = None
    """``image`` (values in [-1, 1], shape ``[channels, height, width]``) or ``vector``."""

    shape: tuple[int, ...] | None = None
    """Shape of one sample."""

    state_shape: tuple[int, ...] | None = None
    """Shape of maps, and of the values that operations take: that of a latent if the model has a
    decoder, else that of a sample."""

    sizes: tuple[tuple[int, ...], ...] | None = None
    """What ``size`` may be, where there are several, the default one first: height and width, or
    length, of each of the ``shapes``."""

    shapes: tuple[tuple[int, ...], ...] | None = None
    """Shapes of its samples, where there are several."""

    state_shapes: tuple[tuple[int, ...], ...] | None = None
    """As ``state_shape``, of each of the ``shapes``."""

    stages: tuple[str, ...] | None = None
    """Networks before and after the one that is integrated: ``encoder`` (of texts),
    ``sample_encoder``, ``decoder``, ``preview``."""

    classes: tuple[str, ...] | None = None
    """Names of the classes by label; empty for an unconditional model."""

    conditions: dict[str, Any] | None = Field(default=None, repr=False)
    """What samples can be asked to be samples of, by name: kind, shape and meaning of each."""

    samplers: tuple[str, ...] | None = None
    """What ``method`` may be."""

    scores: tuple[str, ...] | None = None
    """What ``score`` and ``also`` may name; some need a condition."""

    meanings: dict[str, dict[str, str]] | None = Field(default=None, repr=False)
    """What each of the ``scores`` means: ``semantics`` (a large value, in a word), ``unit``,
    ``says`` (what it measures) and, where that is known, ``not_for``."""

    operations: tuple[str, ...] | None = None
    """Types of what an edit may do."""

    formats: tuple[str, ...] | None = None
    """What ``output`` may be, the default one first."""

    view: str | None = None
    """How people look at its samples: ``image``, ``plane``, ``text``, ``molecule``, ``crystal``,
    ``counts``, or a name that the model's family brings."""

    schemas: dict[str, Any] | None = Field(default=None, repr=False)
    """JSON Schemas of what its family reads: of the ``sampler``, and of the ``operations`` by
    type."""

    parameters: int | None = None
    """Number of network parameters."""

    calibrated: dict[str, Any] | None = Field(default=None, repr=False)
    """Settings for which ``confidence`` is calibrated; empty when it is not."""

    grids: tuple[str, ...] | None = None
    """Where fixed steps can be placed: ``uniform``, ``fitted`` if the model has such a grid, and
    those of its family."""

    notation: str | None = None
    """What the text of a sample is written in, such as ``smiles``; empty where it is plain, or no
    text."""

    components: tuple[str, ...] | None = None
    """Names of the components of a sample, where each has one, as genes have."""

    step_counts: tuple[int, ...] | None = None
    """Numbers of steps that the model was made for; empty where it makes samples in any."""

    indexed: dict[str, Any] | None = Field(default=None, repr=False)
    """To what training data the number ``novelty`` of a sample compares; empty without an index."""

    null_label: bool | None = None
    """Whether a sample can be made without a class, where there are classes."""

    variance: str | None = None
    """Where its variance comes from: ``own``, ``inside`` or ``beside`` a foreign network; with
    ``none`` it has only the scores that need no variance."""

    differentiable: bool | None = None
    """Whether the score ``divergence`` can be asked for."""

    probed: dict[str, Any] | None = Field(default=None, repr=False)
    """How the probe was fitted that reads the score ``probe``; empty without one."""

    classified: dict[str, Any] | None = Field(default=None, repr=False)
    """How the classifier was fitted that reads the score ``class_margin``; empty without one."""
    laplace: dict[str, Any] | None = Field(default=None, repr=False)
    """With what data the score ``ignorance`` compares, and how that was fitted; empty without."""

    scorers: dict[str, Any] | None = Field(default=None, repr=False)
    """How the networks beside the model were trained that read the scores of these names."""

    provenance: dict[str, Any] | None = Field(default=None, repr=False)
    """Data, seed, steps, commit and metrics of the training run."""

    warnings: tuple[str, ...] | None = None
    """What of the checkpoint the server set aside, and why."""

    numerics: dict[str, Any] | None = Field(default=None, repr=False)
    """What it runs on: library, instruction set, mode, block sizes, and a ``fingerprint``; equal
    fingerprints give equal bytes."""

    calibration_version: str | None = None
    """Checksum of the tables that give confidence; null without any."""

    def __str__(self) -> str:
        return card_text(self)

    def _repr_html_(self) -> str:
        return card_html(self)


class Models(tuple[Model, ...]):
    """The cards of several models, which a notebook shows as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} models: {', '.join(model.name for model in self)}>"

    def _repr_html_(self) -> str:
        return table_html(self)


class ModelList(Wire):
    """The answer of ``GET /v1/models``."""

    models: tuple[Model, ...]
