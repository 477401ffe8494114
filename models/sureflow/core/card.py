"""The card of a model: what clients may know about it. Plain data, free of torch."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sureflow.core.size import Size, in_words, sizes
from sureflow.core.vocabulary import Prompt

ConditionKind = Literal[
    "label", "vector", "text", "tokens", "image", "mask", "composition", "structure"
]


@dataclass(frozen=True, slots=True)
class Condition:
    """A named array that a model can be conditioned on.

    Attributes:
        kind: What the array holds.
        shape: Shape of the array for one sample.
        null: Value of every component that stands for "not given". Guidance compares with it.
        says: What the array means, with its unit.
        required: Whether every sample needs the array, as a posterior needs its observation: then
            ``null`` means nothing, and nothing can be guided from it.
        prompt: How an encoder of the model makes the array of a text; ``None`` without one.
        made_of: The condition whose prompt this one is made of, too, where it is not given.
        sized: Whether its shape is the size of the sample, so that it differs with that.
        examples: Some of its values, as requests write them; calibration draws them.
    """

    kind: ConditionKind
    shape: tuple[int, ...]
    null: float = 0.0
    says: str = ""
    required: bool = False
    prompt: Prompt | None = None
    made_of: str = ""
    sized: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Description of a loaded checkpoint.

    Attributes:
        name: Name that requests use.
        version: ``sha256:`` and the hash of the files that decide on its samples. The same version
            and the same request give the same bytes.
        media: ``image`` (data in [-1, 1], shape ``[channels, height, width]``) or ``vector``.
        shape: Shape of one sample, decoded if the model has a decoder.
        classes: Names of the classes by label; empty for an unconditional model.
        parameters: Number of network parameters.
        calibration_version: Hash of the file that turns scores into confidence; empty without one.
        calibrated: Settings for which ``confidence`` is calibrated; empty when it is not.
        grids: Time grids that fixed steps can use.
        differentiable: Whether its velocity can be differentiated, which some scores need.
        probed: How its probe was fitted, which some scores need; empty when it has none.
        classified: How its classifier was fitted, likewise.
        laplace: To what data the score ``ignorance`` compares, and how; empty when it cannot.
        scorers: By name, how the networks beside it were trained that score finished samples.
        provenance: Data, seed, steps, commit and metrics of the training run.
        null_label: Whether a sample can be made without a class, where there are classes.
        variance: Where the variance of its predictions comes from; ``none`` if it has none.
        family: Name of the family.
        conditions: Named arrays, besides a class, that the model can be conditioned on.
        warnings: Which parts of the checkpoint the loader ignored, and why.
        numerics: What the model runs on: library, instruction set and mode. Of a served model, also
            its block sizes and a ``fingerprint`` of the kernels' answers.
        state_shape: Shape of the states of a lane, of its map, and of what operations are given:
            that of a latent if the model has a decoder, else that of a sample.
        stages: Networks before and after the velocity, of ``encoder`` (of texts),
            ``sample_encoder`` (of samples to latents), ``decoder`` (of latents) and ``preview`` (a
            cheaper decoder).
        shapes: Shapes of samples that a request can choose from by their size, the default one
            first; ``None`` where there is no choice.
        state_shapes: The shapes of their states, in the same order.
        notation: What the text of a sample is written in, such as ``smiles``, where samples are
            sequences of characters; empty for plain text, and for what is no text.
        components: Names of the components of a sample, where each has one, as genes have.
        step_counts: Numbers of steps that the model was made for, ascending; empty where it can
            make samples in any.
        indexed: To what training data the ``novelty`` of samples compares; empty without an index.
        own_sizes: Sizes of the samples of these shapes, or of the one shape, where they are not
            what the shapes differ by, as that of a crystal is its number of atoms.
    """

    name: str
    version: str
    media: Literal["image", "vector"]
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    parameters: int
    calibrated: dict[str, Any] = field(default_factory=dict)
    grids: tuple[str, ...] = ("uniform",)
    differentiable: bool = True
    probed: dict[str, Any] = field(default_factory=dict)
    classified: dict[str, Any] = field(default_factory=dict)
    laplace: dict[str, Any] = field(default_factory=dict)
    scorers: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    null_label: bool = True
    variance: str = "own"
    family: str = "flow"
    conditions: dict[str, Condition] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    numerics: dict[str, Any] = field(default_factory=dict, compare=False)
    calibration_version: str = ""
    state_shape: tuple[int, ...] = ()
    stages: tuple[str, ...] = ()
    shapes: tuple[tuple[int, ...], ...] | None = None
    state_shapes: tuple[tuple[int, ...], ...] | None = None
    own_sizes: tuple[Size, ...] | None = None
    notation: str = ""
    components: tuple[str, ...] = ()
    step_counts: tuple[int, ...] = ()
    indexed: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.state_shape:
            object.__setattr__(self, "state_shape", self.shape)

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Sizes of the samples that can be made, the default one first."""
        return self.own_sizes or sizes(self.shapes or (self.shape,))

    @property
    def usual_options(self) -> dict[str, Any]:
        """Fields of a lane where nobody names them: the most steps that the model was made for."""
        return {"steps": max(self.step_counts)} if self.step_counts else {}

    def class_of(self, stratum: str) -> str | None:
        """Name of the class that a stratum is; ``None`` if it is none."""
        known = stratum.isdigit() and int(stratum) < len(self.classes)
        return self.classes[int(stratum)] if known else None

    def at(self, size: Size | None) -> ModelCard:
        """The card of a model that makes samples of this size alone; ``None`` is the default one.

        Raises:
            ValueError: The model makes no samples of this size; says of which it does.
        """
        if size is None or size == self.sizes[0]:
            return self
        if size not in self.sizes:
            known = ", ".join(map(in_words, self.sizes))
            raise ValueError(f"size: {self.name} makes no {in_words(size)}; choose from {known}")
        assert self.shapes is not None
        assert self.state_shapes is not None
        number = self.sizes.index(size)
        return replace(
            self,
            shape=self.shapes[number],
            state_shape=self.state_shapes[number],
            shapes=None,
            state_shapes=None,
            own_sizes=self.own_sizes and (size,),
            conditions={
                name: replace(each, shape=size) if each.sized else each
                for name, each in self.conditions.items()
            },
        )

    def size_of(self, shape: tuple[int, ...]) -> Size | None:
        """The size of samples of this shape, or with such states; ``None``: the default, or none.

        A sample counts where it can be encoded.
        """
        known = (self.state_shapes or (), (self.encoded and self.shapes) or ())
        numbers = [shapes.index(shape) for shapes in known if shape in shapes]
        return self.sizes[numbers[0]] if any(numbers) else None

    @property
    def latent(self) -> bool:
        """Whether samples are decoded from latents."""
        return "decoder" in self.stages

    @property
    def encoded(self) -> tuple[int, ...] | None:
        """Shape of a sample that can be encoded; ``None`` where only latents are taken."""
        return self.shape if "sample_encoder" in self.stages else None

    @property
    def decoded(self) -> tuple[int, ...] | None:
        """Shape of a sample that is decoded; ``None`` without a decoder."""
        return self.shape if self.latent else None

    @property
    def needs_label(self) -> bool:
        """Whether every sample must have a class, so that none can be guided from no class."""
        return bool(self.classes) and not self.null_label

    @property
    def prompted(self) -> tuple[str, ...]:
        """Names of the conditions that take a text, those first whose text is their own."""
        named = self.conditions.items()
        found = [(n, c) for n, c in named if c.prompt and c.prompt.vocabulary is not None]
        return tuple(name for name, _ in sorted(found, key=lambda each: bool(each[1].made_of)))

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the conditions that every sample needs."""
        return tuple(name for name, each in self.conditions.items() if each.required)

    def lacking(self, label: int | None, arrays: Container[str]) -> str | None:
        """What a sample with this label and these conditions lacks; ``None`` if nothing."""
        if self.needs_label and label is None:
            return "a label"
        return next((name for name in self.required if name not in arrays), None)
