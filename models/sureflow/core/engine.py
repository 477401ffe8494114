"""The mathematics of a family for one loaded model: its heads, and how its lanes move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sureflow.core.early import EarlyRule
from sureflow.core.family import families
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Phases, Reply


@dataclass(frozen=True, slots=True)
class Head:
    """A function of rows that lanes may ask for.

    It is called under ``torch.inference_mode``; one that wants gradients leaves it for itself. A
    row's answer must depend on that row alone.

    Attributes:
        evaluate: Tensors by name, each with a row for each row asked for, to answers by name,
            likewise.
        example: That many rows as it may be asked for, always the same ones and no two alike; by
            them block sizes are verified.
        row_counts: Block sizes to try; ``None``: those that suit the device.
    """

    evaluate: Callable[..., Reply]
    example: Callable[[int], dict[str, Tensor]]
    row_counts: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class LearnedFile:
    """A file beside a checkpoint, with something that was learned of its network.

    Attributes:
        name: What it is, by which stamps name it.
        file: Name of the file.
        command: The command that learns it anew.
        read: Reads it; what comes has ``settings``, among which its stamp is.
        tensors: The tensors by which it is told from another.
    """

    name: str
    file: str
    command: str
    read: Callable[[Path], Any]
    tensors: Callable[[Any], Mapping[str, Tensor]]


class Engine(ABC):
    """What a family does for a model.

    Args:
        model: The model, a :class:`~sureflow.model.Model`.

    Attributes:
        main: Name of the head that most rows are for; a tick is as long as its rows take.
        learned: Files that checkpoints of the family may have beside their calibration.
        evaluators: What evaluates the heads, once somebody has asked for them.
    """

    main: ClassVar[str]
    learned: ClassVar[tuple[LearnedFile, ...]] = ()

    def __init__(self, model: Any) -> None:
        self.model = model
        self.evaluators: Any = None

    @classmethod
    @abstractmethod
    def build(cls, config: Mapping[str, Any]) -> nn.Module:
        """Make the network that a checkpoint's ``network`` describes, with weights of any value.

        Raises:
            ValueError: There can be no such network.
        """

    @classmethod
    def state(cls, config: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """The tensors of such a network, without their values and, if possible, without memory."""
        with torch.device("meta"):
            return cls.build(config).state_dict()

    @classmethod
    @abstractmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        """What the card says of a network: its ``shape``, and fields that concern the family.

        Args:
            network: From :meth:`build`, with its weights.
            learned: What the files of :attr:`learned` hold, by name, as far as they are there.
        """

    @classmethod  # noqa: B027
    def attach(cls, network: Any, learned: Mapping[str, Any]) -> None:
        """Let a network have what was learned of it.

        Raises:
            ValueError: It does not fit; the message begins with the name of the file.
        """

    @classmethod
    def rounded(cls, network: Any) -> nn.Module | None:
        """The same network in half precision; ``None``: it stays as it is.

        Raises:
            ValueError: It cannot be had.
        """
        return None

    @abstractmethod
    def heads(self) -> Mapping[str, Head]:
        """The heads by name."""

    @abstractmethod
    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> Phases:
        """The processes of so many lanes at most.

        Args:
            capacity: Slots.
            early: By name of the score: when a lane may be abandoned.
        """

    @abstractmethod
    def check(self, spec: LaneSpec) -> None:
        """Make sure that a lane suits the model.

        Raises:
            ValueError: It does not; the message begins with the name of the field.
        """


def engine_of(family: str) -> type[Engine]:
    """The engine of a family, imported when it is first asked for.

    Raises:
        ValueError: No family of that name is installed.
    """
    if family not in families():
        known = ", ".join(families())
        raise ValueError(f"family: {family!r} is not installed; there are: {known}")
    module, _, name = families()[family].engine.partition(":")
    kind: type[Engine] = getattr(import_module(module), name)
    return kind
