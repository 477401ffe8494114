"""The training configuration: one TOML file, checked before anything is loaded."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from sureflow.core.model_name import ModelName


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """The training data."""

    name: str
    path: Path | None = Field(
        None, description="File of samples, relative to the configuration; for name `file`."
    )
    names: tuple[str, ...] = Field((), description="Class names; for name `file`.")
    dimension: PositiveInt | None = Field(None, description="Size of a sample; for `mixture`.")
    above: float | None = Field(
        None,
        gt=0,
        description="Most eV/atom above the best crystal of a composition, for `crystals`; with it"
        " that energy is a condition of the samples.",
    )
    first: int = Field(0, ge=0, description="Index of the first sample used.")
    count: PositiveInt | None = Field(None, description="How many samples; default: all.")

    @property
    def chosen(self) -> slice:
        """Which samples ``first`` and ``count`` choose."""
        return slice(self.first, None if self.count is None else self.first + self.count)


class TrainingConfig(_Section):
    """How a network is trained."""

    objective: Literal[
        "velocity",
        "beta_nll",
        "decoupled",
        "variance",
        "beta_variance",
        "masked",
        "counts",
        "bregman",
    ] = "beta_nll"
    seed: int = 0
    steps: PositiveInt
    batch: PositiveInt = 64
    learning_rate: PositiveFloat = 1e-3
    warmup: int = Field(200, ge=0, description="Steps over which the learning rate rises.")
    weight_decay: float = Field(0.0, ge=0)
    clip: PositiveFloat = Field(1.0, description="Largest gradient norm.")
    ema: float = Field(0.999, ge=0, lt=1, description="Decay of the averaged weights per step.")
    time: Literal["uniform", "middle"] = "uniform"
    label_dropout: float = Field(
        0.1, ge=0, le=1, description="Share of samples whose label and conditions are null."
    )
    precision: Literal["float32", "bfloat16"] = "float32"
    save_every: PositiveInt = Field(500, description="Steps between saves of the training state.")


class VarianceConfig(TrainingConfig):
    """How the variance alone is trained."""

    objective: Literal["variance", "beta_variance"] = "variance"


class TrainConfig(_Section):
    """A whole training run; see ``models/configs`` for the ones that made our checkpoints."""

    name: ModelName
    family: str = "flow"
    data: DataConfig
    network: dict[str, Any]
    training: TrainingConfig | None = Field(None, description="Absent for analytic networks.")
    variance: VarianceConfig | None = Field(None, description="How `sureflow fit` learns.")


def read_config(path: Path) -> TrainConfig:
    """Read and check a training configuration.

    Raises:
        OSError: The file cannot be read.
        tomllib.TOMLDecodeError: It is not TOML.
        pydantic.ValidationError: A field is missing, unknown or out of range; names the field.
    """
    config = TrainConfig.model_validate(tomllib.loads(path.read_text("utf-8-sig")))
    if config.data.path is None:
        return config
    data = config.data.model_copy(update={"path": path.parent / config.data.path})
    return config.model_copy(update={"data": data})
