"""The mathematics of a family for one loaded model: its heads, and how its lanes move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from sureflow.core.early import EarlyRule
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


class Engine(ABC):
    """What a family does for a model.

    Args:
        model: The model, a :class:`~sureflow.model.Model`.

    Attributes:
        main: Name of the head that most rows are for; a tick is as long as its rows take.
        evaluators: What evaluates the heads, once somebody has asked for them.
    """

    main: ClassVar[str]

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
