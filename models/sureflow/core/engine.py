"""The engine of a family: builds its networks, evaluates its heads and moves its lanes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from sureflow.core.arrays import Floats
from sureflow.core.execution import Compile
from sureflow.core.family import families
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Bucket, Phases, Reply
from sureflow.core.unwatched import unwatched


class EarlyRule(Protocol):
    """Foretells the scores of lanes, and which can no longer reach the confidence they need."""

    def foretold(self, known: Floats, t: float, spec: LaneSpec) -> float:
        """What foretells the score of a lane at progress ``t``; lower is surer, NaN if nothing.

        ``known`` are the :meth:`~sureflow.core.lanes.Lanes.statistics` of its score, ``[m]``.
        """
        ...

    def should_stop(self, known: Floats, t: float, spec: LaneSpec, confidence: float) -> bool:
        """Whether a lane may be abandoned at progress ``t``, since it will not reach a confidence.

        ``known`` are the :meth:`~sureflow.core.lanes.Lanes.statistics` of its score, ``[m]``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """A function of the network that lanes can ask to have evaluated.

    It is called under ``torch.inference_mode``; a head that needs gradients leaves that mode
    itself. The reply for a row must depend on that row alone.

    Attributes:
        evaluate: Maps inputs by name to a reply. Every tensor has one entry per row.
        example: Returns inputs for a number of rows, always the same ones and no two alike. The
            evaluator verifies its block sizes with them.
        row_counts: Block sizes to try; ``None`` tries those that suit the device.
    """

    evaluate: Callable[..., Reply]
    example: Callable[[int], dict[str, Tensor]]
    row_counts: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class LearnedFile:
    """A file in a checkpoint folder that holds something learned from its network.

    Attributes:
        name: Name of what the file holds, such as ``grid``; stamps use it.
        file: Name of the file.
        command: The command that makes the file.
        read: Reads the file. The result has ``settings``, which include its stamp.
        tensors: Returns the tensors of the result, whose digest identifies it.
        decides: Whether it decides on samples or their scores, and so on the model's version.
    """

    name: str
    file: str
    command: str
    read: Callable[[Path], Any]
    tensors: Callable[[Any], Mapping[str, Tensor]]
    decides: bool = True


class Engine(ABC):
    """The mathematics of a family, for one loaded :class:`~sureflow.model.Model`.

    Attributes:
        main: Name of the head that most rows ask for; its cost decides how long a tick takes.
        learned: Files that checkpoints of the family may have, besides a calibration.
        evaluators: The evaluators of the heads, by name. They are made when first used.
    """

    main: ClassVar[str]
    learned: ClassVar[tuple[LearnedFile, ...]] = ()

    def __init__(self, model: Any) -> None:
        self.model = model
        self.evaluators: Any = None

    @classmethod
    @abstractmethod
    def build(cls, config: Mapping[str, Any]) -> nn.Module:
        """Make the network that ``network`` in a checkpoint's config describes, with any weights.

        Raises:
            ValueError: The description is not valid.
        """

    @classmethod
    def state(cls, config: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """Names, shapes and types of the network's tensors, on the meta device where possible."""
        with torch.device("meta"), unwatched():
            return cls.build(config).state_dict()

    @classmethod
    @abstractmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the model's card that depend on the network: its ``shape`` and the family's.

        ``learned`` has the contents of those learned files that the checkpoint has, by name.
        """

    @classmethod  # noqa: B027
    def attach(cls, network: Any, learned: Mapping[str, Any]) -> None:
        """Attach to a network what was learned from it.

        Raises:
            ValueError: It does not fit the network; the message begins with the name of the file.
        """

    @classmethod
    def rounded(cls, network: Any) -> nn.Module | None:
        """The same network in half precision; ``None`` if the network stays as it is.

        Raises:
            ValueError: The network cannot run in half precision.
        """
        return None

    @classmethod  # noqa: B027
    def prepare(cls, network: Any, compile: Compile) -> None:
        """Prepare a network to be run in a way that is not the plain one.

        Raises:
            ValueError: It cannot be run so; the message begins with ``compile``.
        """

    def buckets(self) -> Sequence[Bucket]:
        """The buckets that lanes can be in, the default one first."""
        return ((),)

    def bucket(self, spec: LaneSpec) -> Bucket:
        """The bucket of a lane."""
        return ()

    def at(self, bucket: Bucket) -> Engine:
        """The engine of a bucket: its heads have examples, and its phases lanes, of that shape."""
        return self

    @abstractmethod
    def heads(self) -> Mapping[str, Head]:
        """The heads by name."""

    def deciding(self) -> Sequence[str]:
        """Names of the heads that every sample is made by, whose kernels decide on its bytes."""
        return (self.main,)

    @abstractmethod
    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> Phases:
        """Make the processes that move lanes, with this many slots.

        ``early`` has the rules that decide when a lane is abandoned, by name of the score.
        """

    @abstractmethod
    def check(self, spec: LaneSpec) -> None:
        """Check that the model can run a lane.

        Raises:
            ValueError: It cannot; the message begins with the name of the field.
        """


def engine_of(family: str) -> type[Engine]:
    """The engine of a family, imported on first use.

    Raises:
        ValueError: No family of that name is installed.
    """
    if family not in families():
        raise ValueError(f"family: {family!r} is not installed; there are: {', '.join(families())}")
    module, _, name = families()[family].engine.partition(":")
    kind: type[Engine] = getattr(import_module(module), name)
    return kind
