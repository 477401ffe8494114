"""Comparing the files of the embedded store with what its index says of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from sureflow_server.store.files import Files
from sureflow_server.store.index import Index
from sureflow_server.store.payloads import frame_file, recipe_file, sample_file
from sureflow_server.store.row import Row

log = logging.getLogger(__name__)

HANDLES = 50
"""Looked at in one step."""

NBYTES = 1 << 20
"""Read in one step, about."""


class Audit:
    """Finds handles whose files are not what they were, all at the start and then a few at a time.

    They stay in the index, so that they can be deleted and nothing goes without a word; each is
    named in the log once.

    Attributes:
        damaged: Those found so far that are still there.
    """

    def __init__(self, index: Index, files: Files, sound: Callable[[], None]) -> None:
        """Audit these files; ``sound`` raises where the folder itself is not what it was."""
        self._index = index
        self._files = files
        self._sound = sound
        self._after = 0
        self.damaged: set[str] = set()

    def begin(self) -> None:
        """Compare names and lengths of all files; remove what is of no account."""
        there = self._files.sizes()
        known = set[str]()
        for id, recipe, sample in self._index.payloads():
            expected = {recipe_file(id): recipe, sample_file(id): sample}
            known |= expected.keys()
            if any(there.get(name) != nbytes for name, nbytes in expected.items()):
                self.damaged.add(id)
        if self.damaged:
            log.error(
                "%d handles have lost a file or a part of one, such as %s; they can only be"
                " deleted, or their files put back",
                len(self.damaged),
                min(self.damaged),
            )
        self._remove_litter(there, known)

    def _remove_litter(self, there: Mapping[str, int], known: set[str]) -> None:
        """Remove frames that have lost their file, and files that a crash has left."""
        lost = []
        for id, step, nbytes in self._index.all_frames():
            if there.get(frame_file(id, step)) == nbytes:
                known.add(frame_file(id, step))
            else:
                lost.append((id, step))
        if lost:
            with self._index.transaction():
                self._index.remove_frames(lost)
        litter = there.keys() - known
        if litter:
            log.warning("%d files of which the index has no word are removed", len(litter))
        self._files.remove(litter)

    def step(self) -> None:
        """Read the files of the next few handles."""
        rows, nbytes = self._index.after(self._after, HANDLES), 0
        for seq, row in rows:
            if nbytes > NBYTES:
                return
            self._after = seq
            nbytes += row.recipe[0] + row.sample[0]
            self.read(row)
        if len(rows) < HANDLES:
            self._after = 0
            self.damaged = {id for id in self.damaged if self._index.find(id) is not None}

    def read(self, row: Row) -> tuple[bytes, bytes] | None:
        """Return recipe and sample of a handle; ``None`` if they are not what they were.

        Raises:
            StoreUnavailableError: The folder is gone or another, so that nothing is known of them.
        """
        recipe = self._files.read(recipe_file(row.id), *row.recipe)
        sample = self._files.read(sample_file(row.id), *row.sample)
        if recipe is not None and sample is not None:
            self.damaged.discard(row.id)
            return recipe, sample
        self._sound()
        if row.id not in self.damaged:
            self.damaged.add(row.id)
            log.error("handle %s is damaged: its files are not what they were", row.id)
        return None
