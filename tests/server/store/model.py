"""What a store should do, in a few lines without files, Redis or bytes saved."""

from __future__ import annotations

from dataclasses import replace

from sureflow_server.store import ExpiredHandleError, Handle, StoreFullError, UnknownHandleError
from sureflow_server.store.handle import OVERHEAD


class ModelStore:
    """Handles by id, frames in the order of their use."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.now = 1e9
        self.handles: dict[str, Handle] = {}
        self.gone: set[str] = set()
        self.used: dict[tuple[str, int], bytes] = {}
        self.evictions = 0

    @property
    def handle_bytes(self) -> int:
        return sum(handle.nbytes for handle in self.handles.values())

    @property
    def nbytes(self) -> int:
        return self.handle_bytes + sum(len(data) + OVERHEAD for data in self.used.values())

    def put(self, handle: Handle, frames: dict[int, bytes]) -> Handle:
        self.sweep()
        if self.handle_bytes + handle.nbytes > self.max_bytes:
            raise StoreFullError
        lifetime = handle.expires - handle.created
        handle = replace(handle, created=self.now, expires=self.now + lifetime)
        room = self.max_bytes - self.handle_bytes - handle.nbytes
        chosen = self._fitting(frames, room)
        self._make_room(handle.nbytes + sum(len(data) + OVERHEAD for data in chosen.values()))
        self.handles[handle.id] = handle
        self._add(handle.id, chosen)
        return handle

    def add_frames(self, id: str, frames: dict[int, bytes]) -> None:
        self.get(id)
        self.sweep()
        new = {step: data for step, data in frames.items() if (id, step) not in self.used}
        chosen = self._fitting(new, self.max_bytes - self.handle_bytes)
        self._make_room(sum(len(data) + OVERHEAD for data in chosen.values()))
        self._add(id, chosen)

    def get(self, id: str) -> Handle:
        handle = self.handles.get(id)
        if handle is not None and self.now < handle.expires:
            return handle
        raise (ExpiredHandleError if handle or id in self.gone else UnknownHandleError)(id)

    def frame(self, id: str, at_most: int) -> tuple[int, bytes] | None:
        self.get(id)
        step = max((step for step, _ in self.frames(id) if step <= at_most), default=None)
        if step is None:
            return None
        data = self.used[id, step] = self.used.pop((id, step))
        return step, data

    def frames(self, id: str) -> list[tuple[int, int]]:
        self.get(id)
        return sorted((step, len(data)) for (of, step), data in self.used.items() if of == id)

    def delete(self, id: str) -> None:
        self.get(id)
        self._drop(id)

    def owned(self, owner: str) -> list[str]:
        live = [h for h in self.handles.values() if h.owner == owner and self.now < h.expires]
        return [handle.id for handle in reversed(live)]

    def sweep(self) -> int:
        over = [id for id, handle in self.handles.items() if handle.expires <= self.now]
        for id in over:
            self._drop(id)
        self.gone.update(over)
        return len(over)

    def _fitting(self, frames: dict[int, bytes], room: int) -> dict[int, bytes]:
        chosen = {}
        for step, data in frames.items():
            if sum(len(other) + OVERHEAD for other in [*chosen.values(), data]) <= room:
                chosen[step] = data
        return chosen

    def _make_room(self, nbytes: int) -> None:
        while self.nbytes + nbytes > self.max_bytes:
            self.used.pop(next(iter(self.used)))
            self.evictions += 1

    def _add(self, id: str, frames: dict[int, bytes]) -> None:
        for step in reversed(frames):
            self.used[id, step] = frames[step]

    def _drop(self, id: str) -> None:
        del self.handles[id]
        self.used = {frame: data for frame, data in self.used.items() if frame[0] != id}
