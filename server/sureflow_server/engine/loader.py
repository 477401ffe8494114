"""From a folder of checkpoints to samplers that have generated once."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace
from pathlib import Path

from sureflow.checkpoint import WEIGHTS, CheckpointError, load
from sureflow.confidence.calibration import Calibration
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.folders import checkpoint_folders, embedded_folder
from sureflow.inspection import check_name
from sureflow.networks import declare_plugin
from sureflow.sampling.evaluator import evaluators, main_head
from sureflow.sampling.fingerprint import numerics_of
from sureflow.sampling.sampler import Sampler
from sureflow.sampling.verified import VerifiedSizes
from sureflow_server.engine.ahead import verified_ahead
from sureflow_server.engine.messages import Loading, Ready, WorkerConfig
from sureflow_server.engine.model_cache import ModelCache

SLOTS_PER_ROW = 2
"""Slots beyond the running lanes are for lanes that stand back for others."""

FEW = 8
"""Lanes of the warm-up of a model that has filled a tick before."""


def load_all(
    config: WorkerConfig, begin: Callable[[Loading], object] = lambda loading: None
) -> tuple[Ready, ModelCache]:
    """Load every checkpoint folder in ``models_dir`` (``None``: the embedded ones) and warm it up.

    A folder that does not work is reported and harms no other. Models are known by the names of
    their folders, which their own must agree with, so that no two can ever clash. Where the budget
    is too small for all, those that were loaded first make room for the others. ``begin`` is told
    of each folder before.
    """
    for declaration in config.plugins:
        declare_plugin(declaration)
    root = config.models_dir or embedded_folder()
    cache = ModelCache(budget=config.model_bytes)
    resting = {each.card.name: each for each in config.resting}
    cards: dict[str, ModelCard] = {name: each.card for name, each in resting.items()}
    tick_s = {name: each.tick_s for name, each in resting.items()}
    cache.sizes.update({name: each.nbytes for name, each in resting.items()})
    failures: dict[str, str] = dict(config.faulty)
    folders = _wanted(root, config)
    with verified_ahead(folders, config) as in_order:
        for folder, seen in in_order:
            begin(Loading(folder.name, len(folders) + len(resting) == 1))
            try:
                cache.evict_for(_expected(folder, config))
                sampler = fetch(folder, config, seen=seen)
                _take(cache, sampler, config)
            except BaseException as error:  # a third-party network may raise anything, and exit
                failures[folder.name] = str(error) or type(error).__name__
            else:
                card, most = sampler.model.card, sampler.free // SLOTS_PER_ROW
                tick_s[card.name] = tuple(map(sampler.seconds, range(most + 1)))
                cards[card.name] = card
                del sampler
    found = tuple(cards[name] for name in sorted(cards))
    return Ready(str(root), found, tick_s, failures, dict(cache.sizes), (*cache.resident,)), cache


def fetch(
    folder: Path,
    config: WorkerConfig,
    card: ModelCard | None = None,
    seen: Set[str] = frozenset(),
) -> Sampler:
    """Load a checkpoint folder and warm it up.

    Its card must be this one, if one is given. Block sizes that were ``seen`` are believed; see
    :class:`~sureflow.sampling.verified.VerifiedSizes`.

    Raises:
        CheckpointError: It does not work, or is another model by now.
    """
    model = load(folder, config.device, precision=config.precision, compile=config.compile)
    check_name(folder, model.card)
    known = None
    if config.verified_dir is not None:
        known = VerifiedSizes.of(model, config.verified_dir, seen)
        evaluators(model, known)
    model = model.varied(card=replace(model.card, numerics=numerics_of(model)))
    if data := config.calibrations.get(folder.name):
        model = model.recalibrated(Calibration.decode(data))
    if card is not None and model.card.version != card.version:
        raise CheckpointError(f"{folder}: has changed; load it as an administrator")
    sampler = Sampler(model, SLOTS_PER_ROW * (config.capacity or main_head(model).best_rows))
    # If its main head is known, as many rows were in a tick before, with the same kernels.
    before = config.capacity is None and known and model.engine.main in known.confirmed
    _warm_up(sampler, FEW if before else max(sampler.free // SLOTS_PER_ROW, FEW))
    return sampler


def _wanted(root: Path, config: WorkerConfig) -> list[Path]:
    """The folders to load, in their order."""
    known = {*config.without, *config.faulty, *(each.card.name for each in config.resting)}
    found = [folder for folder in checkpoint_folders(root) if folder.name not in known]
    if config.only is not None:
        found = [folder for folder in found if folder.name == config.only]
    return sorted(found, key=lambda each: _rank(each.name, config.last))


def _rank(name: str, last: tuple[str, ...]) -> int:
    return last.index(name) if name in last else -1


def _expected(folder: Path, config: WorkerConfig) -> int:
    """Bytes that a model may take, as far as its file tells; no more than there may be."""
    weights = folder / WEIGHTS
    return min(weights.stat().st_size if weights.exists() else 0, config.model_bytes or 0)


def _take(cache: ModelCache, sampler: Sampler, config: WorkerConfig) -> None:
    """Put a model into the cache, and evict others for it.

    Raises:
        CheckpointError: It takes more than the whole budget.
    """
    size, most = sampler.nbytes, config.model_bytes
    if most is not None and size > most:
        raise CheckpointError(f"takes {size} bytes of memory, and model_bytes is {most}")
    cache.evict_for(size)
    cache.put(sampler.model.card.name, sampler)


def _warm_up(sampler: Sampler, lanes: int) -> None:
    """Run so many of the family's example lanes to their end.

    Otherwise the first request for a score that needs a head of its own would hold up a tick,
    and every lane in it, while the block sizes of that head are verified.
    """
    card = sampler.model.card
    most = range(min(lanes, sampler.free))
    for ticket, spec in zip(most, family_of(card).warm_up_lanes(card), strict=False):
        sampler.admit(ticket, spec)
    while sampler.running:
        for _, sample in sampler.tick().finished:
            if sample.finish_reason != "converged":
                raise CheckpointError(f"the warm-up ended as {sample.finish_reason}")
