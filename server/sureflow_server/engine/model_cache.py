"""Which models are in memory: within a budget, idle ones are evicted for others that are wanted."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from sureflow.allocator import give_back
from sureflow_server.garbage import freeze_garbage

if TYPE_CHECKING:
    from sureflow.confidence.calibration import Calibration
    from sureflow.sampling.sampler import Sampler

CLOSE_AFTER_S = 5.0
"""Seconds that a model waits until others are idle. After that the least recently used ones start
no more lanes, so that no model waits for ever."""

STAY = 4.0
"""A model stays at least this many times as long as its fetch took, so that most of the time does
not go into fetching."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """The end of a fetch: a model, or the reason why there is none."""

    model: str
    sampler: Sampler | None
    error: str = ""


class ModelCache:
    """Models in memory, and those that can be fetched when they are asked for.

    A model that runs lanes never goes. Models are fetched one at a time, in another thread, so that
    the others go on meanwhile.

    Args:
        samplers: Models in memory, by name; the least recently used first.
        budget: Bytes that they may take together; ``None`` keeps all of them.

    Attributes:
        samplers: Those in memory now.
        sizes: Bytes that models take, by name, as far as that has been seen.
        closing: Models that shall start no lanes, since others have waited too long.
    """

    def __init__(
        self, samplers: Mapping[str, Sampler] | None = None, budget: int | None = None
    ) -> None:
        self.samplers: dict[str, Sampler] = {}
        self.sizes: dict[str, int] = {}
        self.closing: set[str] = set()
        self._budget = budget
        self._used: dict[str, float] = {}
        self._wanted: dict[str, float] = {}
        self._fetching: str | None = None
        self._begun = self._came = monotonic()
        for model, sampler in (samplers or {}).items():
            self.put(model, sampler)

    @property
    def resident(self) -> dict[str, int]:
        """Bytes of the models in memory, by name; the least recently used first."""
        order = sorted(self.samplers, key=self._used.__getitem__)
        return {model: self.sizes[model] for model in order}

    def put(self, model: str, sampler: Sampler) -> None:
        """Take a model in."""
        self.samplers[model] = sampler
        self.sizes[model] = sampler.nbytes
        self.use(model)

    def use(self, model: str) -> None:
        """Take note that a model in memory is used."""
        self._used[model] = monotonic()

    def recalibrate(self, model: str, made: Calibration) -> None:
        """Turn the scores of a model into confidence by another calibration, if it is here."""
        if sampler := self.samplers.get(model):
            sampler.model = sampler.model.recalibrated(made)

    def want(self, model: str) -> None:
        """Ask for a model that is not in memory."""
        self._wanted.setdefault(model, monotonic())

    def forget(self, model: str) -> None:
        """Let go of a model for good."""
        self._wanted.pop(model, None)
        self.sizes.pop(model, None)
        if self.samplers.pop(model, None) is not None:
            _free()

    def evict_for(self, size: int, busy: Callable[[str], bool] = lambda model: False) -> list[str]:
        """Let models that are not busy go, as many as it takes; none if that would not do.

        Returns:
            Those that went, by name.
        """
        chosen = self._oldest(size, busy)
        if self._over(size) > sum(self.sizes[model] for model in chosen):
            return []
        for model in chosen:
            del self.samplers[model]
        if chosen:
            _free()
        return chosen

    def turn(
        self,
        busy: Callable[[str], bool],
        fetch: Callable[[str], Sampler] | None,
        inbox: SimpleQueue[Any],
    ) -> list[str]:
        """Begin to fetch the model that has waited longest, if there is room, or can be.

        It is put into the inbox, as :class:`Loaded`.

        Returns:
            Models that went for it, by name.
        """
        if not self._wanted or self._fetching is not None or fetch is None:
            return []
        model, since = next(iter(self._wanted.items()))
        gone = self.evict_for(self.sizes[model], busy)
        if self._over(self.sizes[model]) > 0:
            waited_s = monotonic() - max(since, self._came)
            too_long = waited_s > max(CLOSE_AFTER_S, STAY * (self._came - self._begun))
            self.closing = {*self._oldest(self.sizes[model])} if too_long else set()
            return []
        self.closing = set()
        del self._wanted[model]
        self._fetching, self._begun = model, monotonic()
        Thread(target=_fetch, args=(model, fetch, inbox), daemon=True).start()
        return gone

    def came(self, loaded: Loaded) -> bool:
        """Take in what has been fetched; return whether there is anything."""
        self._fetching, self._came = None, monotonic()
        if loaded.sampler is None or loaded.model not in self.sizes:
            return False
        self.put(loaded.model, loaded.sampler)
        return True

    def _over(self, size: int) -> int:
        """Bytes by which the budget is too small for so many more."""
        if self._budget is None:
            return 0
        return sum(self.resident.values()) + size - self._budget

    def _oldest(self, size: int, busy: Callable[[str], bool] = lambda model: False) -> list[str]:
        """The least recently used models that have to go for so many bytes."""
        over, chosen = self._over(size), []
        for model, taken in self.resident.items():
            if over > 0 and not busy(model):
                chosen.append(model)
                over -= taken
        return chosen


def _fetch(model: str, fetch: Callable[[str], Sampler], inbox: SimpleQueue[Any]) -> None:
    try:
        inbox.put(Loaded(model, fetch(model)))
    except Exception as error:  # a third-party network may raise anything
        inbox.put(Loaded(model, None, str(error) or type(error).__name__))


def _free() -> None:
    """Give memory back that nothing refers to any more; lanes and their scores do to each other."""
    import torch

    gc.unfreeze()
    freeze_garbage()
    give_back()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
