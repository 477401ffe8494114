"""The evaluators of a model's heads, each made when it is first used."""

from __future__ import annotations

from sureflow.model import Model
from sureflow.sampling.compiled import compiled
from sureflow.sampling.evaluator import Evaluator


class Evaluators(dict[str, Evaluator]):
    """Evaluators by the name of the head; making one verifies its block sizes."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model, self._heads = model, model.engine.heads()

    def __missing__(self, name: str) -> Evaluator:
        """Make the evaluator of a head.

        Raises:
            ValueError: Rows of the head depend on each other; see :class:`Evaluator`.
        """
        model, head = self._model, self._heads[name]
        how = model.compile if name == model.engine.main else "off"
        evaluate = compiled(head.evaluate, how, model.device)
        self[name] = Evaluator(evaluate, head.example, model.device, head.row_counts)
        return self[name]


def evaluators(model: Model) -> Evaluators:
    """The evaluators of a model. All its samplers share them; they live as long as the model."""
    engine = model.engine
    if engine.evaluators is None:
        engine.evaluators = Evaluators(model)
    found: Evaluators = engine.evaluators
    return found


def main_head(model: Model) -> Evaluator:
    """The evaluator of the head that most rows ask for."""
    return evaluators(model)[model.engine.main]
