"""Who has to go from the embedded store for want of room."""

from __future__ import annotations

from collections.abc import Mapping

from sureflow_server.store.errors import HandleTooLargeError, StoreFullError
from sureflow_server.store.files import Files
from sureflow_server.store.handle import OVERHEAD, Handle
from sureflow_server.store.index import Index
from sureflow_server.store.leaving import Leaving
from sureflow_server.store.payloads import frame_file
from sureflow_server.store.store import REMEMBER_S, Clock


class Room:
    """The bytes that a store may have, shared among owners; what is done is in a transaction.

    Attributes:
        max_bytes: Of everything.
        evictions: Frames that had to go.
    """

    def __init__(
        self, max_bytes: int, clock: Clock, index: Index, files: Files, leaving: Leaving
    ) -> None:
        self.max_bytes = max_bytes
        self.evictions = 0
        self._clock = clock
        self._index, self._files, self._leaving = index, files, leaving

    def find(self, handle: Handle, files: dict[str, bytes]) -> None:
        """Remove the oldest handles of whoever has most, as long as that is more than this owner.

        So nobody can drive out what others have, and nobody loses a live handle to their own.

        Args:
            handle: One that is to come.
            files: What is entered and yet to be written.

        Raises:
            HandleTooLargeError: There is never room for it.
            StoreFullError: There is none now.
        """
        if handle.nbytes > self.max_bytes:
            raise HandleTooLargeError(
                f"the handle has {handle.nbytes} bytes, the store has room for {self.max_bytes}"
            )
        while self._index.handle_nbytes + handle.nbytes > self.max_bytes:
            greedy, held = self._index.greediest()
            if held <= self._index.held(handle.owner) + handle.nbytes:
                raise StoreFullError(
                    f"live handles leave no room for {handle.nbytes} bytes more"
                    f" within {self.max_bytes}"
                )
            self._displace(self._index.oldest(greedy), files)

    def fitting(self, frames: Mapping[int, bytes]) -> dict[int, bytes]:
        """Return the frames for which handles leave room, those first that come first."""
        room = self.max_bytes - self._index.handle_nbytes
        chosen: dict[int, bytes] = {}
        for step, data in frames.items():
            if len(data) + OVERHEAD <= room:
                chosen[step] = data
                room -= len(data) + OVERHEAD
        return chosen

    def keep(self, files: dict[str, bytes]) -> None:
        """Evict frames until everything fits, or none is left.

        Args:
            files: What is entered and yet to be written.
        """
        while self._index.nbytes > self.max_bytes and (stale := self._index.stalest()) is not None:
            self._index.remove_frames([stale])
            self.evictions += 1
            if files.pop(frame_file(*stale), None) is None:
                self._files.remove([frame_file(*stale)])

    def _displace(self, id: str, files: dict[str, bytes]) -> None:
        """Remove a live handle."""
        names = self._leaving.names(id)
        self._index.displace(id, self._clock() + REMEMBER_S)
        # Files first, so that the disk never has more than the budget.
        self._leaving.add(id)
        self._files.remove(name for name in names if files.pop(name, None) is None)
