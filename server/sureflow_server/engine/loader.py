"""From a folder of checkpoints to samplers that have generated once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sureflow.card import ModelCard
from sureflow.checkpoint import CheckpointError, embedded_folder, load
from sureflow.inspection import check_name, checkpoint_folders
from sureflow.lane import METHODS, LaneSpec
from sureflow.model import Model
from sureflow.networks import declare_plugin
from sureflow.sampling import Sampler
from sureflow_server.engine.messages import Ready, WorkerConfig

SLOTS_PER_ROW = 2
"""Slots beyond the running lanes are for lanes that stand back for others."""


def load_all(
    config: WorkerConfig, begin: Callable[[str], object] = lambda name: None
) -> tuple[Ready, dict[str, Sampler]]:
    """Load every checkpoint folder in ``models_dir`` (``None``: the embedded ones) and warm it up.

    A folder that does not work is reported and harms no other. Models are known by the names of
    their folders, which their own must agree with, so that no two can ever clash.

    Args:
        config: What to load, and how.
        begin: Told the name of each folder before it is loaded.
    """
    for declaration in config.plugins:
        declare_plugin(declaration)
    root = config.models_dir or embedded_folder()
    samplers: dict[str, Sampler] = {}
    tick_s: dict[str, tuple[float, ...]] = {}
    cards: list[ModelCard] = []
    failures: dict[str, str] = {}
    for folder in checkpoint_folders(root):
        if folder.name in config.without:
            continue
        begin(folder.name)
        try:
            model = _load(folder, config)
            most = config.capacity or model.evaluator.best_rows
            sampler = Sampler(model, SLOTS_PER_ROW * most)
            card = sampler.model.card
            check_name(folder, card)
            _warm_up(sampler)
        except Exception as error:  # a third-party network may raise anything
            failures[folder.name] = str(error) or type(error).__name__
        else:
            samplers[card.name] = sampler
            tick_s[card.name] = tuple(map(model.evaluator.seconds, range(most + 1)))
            cards.append(card)
    return Ready(str(root), tuple(cards), tick_s, failures), samplers


def _load(folder: Path, config: WorkerConfig) -> Model:
    return load(folder, config.device, precision=config.precision, compile=config.compile)


def _warm_up(sampler: Sampler) -> None:
    """Fill every slot, with every method, guided and not, and one lane differentiated.

    Otherwise the first request for the score `divergence` would hold up a tick, and everybody in
    it, while the row counts of the derivatives are verified.
    """
    card = sampler.model.card
    label = 0 if card.classes else None
    for ticket in range(sampler.free):
        method = METHODS[ticket % len(METHODS)]
        guidance = 2.0 if label is not None and ticket % 2 else 1.0
        scores = ("divergence",) if card.differentiable and not ticket else ()
        sampler.admit(ticket, LaneSpec(0, ticket, method, 1, label, guidance, scores=scores))
    while sampler.running:
        for _, sample in sampler.tick().finished:
            if sample.finish_reason != "converged":
                raise CheckpointError(f"the warm-up ended as {sample.finish_reason}")
