"""A bar that grows while samples are made."""

from __future__ import annotations

import sys

from ._events import Event, Queued, SampleEvent, Step
from ._job import Job

FORMAT = "{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"


class ProgressBar:
    """Follows the events of a stream; silent unless a person watches.

    It moves with every step of every sample, and says how many samples are finished and how many
    of them were accepted.
    """

    def __init__(self, wanted: bool) -> None:
        """Prepare the bar.

        Args:
            wanted: Whether it was asked for. It is shown in a terminal or a notebook only.
        """
        self._done: dict[int, float] = {}
        self._finished = self._accepted = 0
        self._model = ""
        self._bar = None
        if wanted and _watched():
            from tqdm.auto import tqdm  # not needed for anything else

            self._bar = tqdm(total=1.0, bar_format=FORMAT)

    def update(self, event: Event) -> None:
        """Take note of an event."""
        if self._bar is None:
            return
        if isinstance(event, Queued):
            self._model = event.model
            self._bar.total = float(event.n)
        elif isinstance(event, Step):
            self._done[event.index] = max(event.t, self._done.get(event.index, 0.0))
        elif isinstance(event, SampleEvent):
            self._done[event.sample.index] = 1.0
            self._finished += 1
            self._accepted += event.sample.accepted
        self._bar.total = max(self._bar.total or 0.0, float(len(self._done)))
        self._bar.n = sum(self._done.values())
        counts = f"{self._finished} made, {self._accepted} accepted"
        self._bar.set_description_str(f"{self._model}: {counts}")

    def show(self, job: Job) -> None:
        """Take note of how a job stands."""
        if self._bar is None:
            return
        self._bar.n = job.progress.share
        place = job.progress.queue_position
        waits = f"{job.state}, {place} before it" if place else job.state
        self._bar.set_description_str(f"{job.model}: {waits}, {job.progress.done} made")

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


def _watched() -> bool:
    """Whether somebody sees it: at a terminal, or in a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
