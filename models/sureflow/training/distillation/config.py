"""How a student is distilled: plain data, which its checkpoint keeps."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt


class DistillationConfig(BaseModel):
    """A distillation, all of it: the same config and teacher give the same student."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: Literal[1, 2, 4] = 4
    """Most steps that the student shall make samples in; fewer of these are pinned too."""

    target: Literal["end", "next"] = "end"
    """What a prediction is compared with. end: where the trajectory ends. next: the averaged
    student's prediction one time later on it, as in consistency distillation."""

    substeps: PositiveInt = 2
    """Heun steps of the teacher for each of the student's steps."""

    trajectories: PositiveInt = 8192
    """How many trajectories of the teacher the student sees."""

    together: PositiveInt = 256
    """Trajectories that are made at once, and from whose points batches are drawn."""

    passes: PositiveInt = 4
    """How often every point of a trajectory is used."""

    batch: PositiveInt = 64
    learning_rate: PositiveFloat = 5e-4
    warmup: NonNegativeInt = 100
    ema: float = Field(0.995, ge=0, lt=1)
    """Decay of the averaged weights per update."""

    guidance: float = Field(1.0, ge=0)
    """Scale at which the teacher is guided, where a trajectory has a label."""

    unlabelled: float = Field(0.1, ge=0, le=1)
    """Share of trajectories without a label, of a teacher that knows that."""

    precision: Literal["float32", "bfloat16"] = "float32"
    seed: NonNegativeInt = 0

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of steps that are pinned."""
        return tuple(n for n in (1, 2, 4) if n <= self.steps)

    @property
    def updates(self) -> int:
        """Updates of the weights, all in all."""
        rounds = -(-self.trajectories // self.together)
        return rounds * self.passes * -(-self.together * self.steps // self.batch)
