"""The evaluators of a model's heads, each made when it is first asked for."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from sureflow.core.engine import Head
from sureflow.model import Model
from sureflow.sampling.compiled import compiled
from sureflow.sampling.evaluator import Evaluator


class Evaluators(dict[str, Evaluator]):
    """Evaluators by the name of the head; making one verifies its block sizes.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._heads = model.engine.heads()
        self._main, self._how, self._device = model.engine.main, model.compile, model.device

    def __missing__(self, name: str) -> Evaluator:
        """Make the evaluator of a head.

        Raises:
            ValueError: Rows of the head depend on each other; see :class:`Evaluator`.
        """
        head: Head = self._heads[name]
        how = self._how if name == self._main else "off"
        evaluate = compiled(head.evaluate, how, self._device)
        self[name] = Evaluator(evaluate, head.example, self._device, head.row_counts)
        return self[name]


_known: WeakKeyDictionary[object, Evaluators] = WeakKeyDictionary()


def evaluators(model: Model) -> Evaluators:
    """The evaluators of a model, the same ones for every sampler."""
    network = model.network
    found = _known.get(network)
    if found is None:
        found = _known[network] = Evaluators(model)
    return found
