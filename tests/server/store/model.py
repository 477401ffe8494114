"""What a store should do, in a few lines without files, Redis or bytes saved."""

from __future__ import annotations

from collections import Counter
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
        self._displace_for(handle)
        lifetime = handle.expires - handle.created
        handle = replace(handle, created=self.now, expires=self.now + lifetime)
        room = self.max_bytes - self.handle_bytes - handle.nbytes
        chosen = self._fitting(frames, room)
        self.handles[handle.id] = handle
        self._add(handle.id, chosen)
        return handle

    def add_frames(self, id: str, frames: dict[int, bytes]) -> None:
        self.get(id)
        self.sweep()
        new = {step: data for step, data in frames.items() if (id, step) not in self.used}
        chosen = self._fitting(new, self.max_bytes - self.handle_bytes)
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

    def _displace_for(self, handle: Handle) -> None:
        while self.handle_bytes + handle.nbytes > self.max_bytes:
            held = Counter({handle.owner: 0})
            for each in self.handles.values():
                held[each.owner] += each.nbytes
            greedy = _greediest(held)
            if handle.nbytes > self.max_bytes or held[greedy] <= held[handle.owner] + handle.nbytes:
                raise StoreFullError
            id = next(id for id, each in self.handles.items() if each.owner == greedy)
            self._drop(id)
            self.gone.add(id)

    def _add(self, id: str, frames: dict[int, bytes]) -> None:
        for step in reversed(frames):
            self.used[id, step] = frames[step]
        while self.nbytes > self.max_bytes:
            held = Counter[str]()
            for (of, _), data in self.used.items():
                held[self.handles[of].owner] += len(data) + OVERHEAD
            greedy = _greediest(held)
            self.used.pop(next(key for key in self.used if self.handles[key[0]].owner == greedy))
            self.evictions += 1

    def _drop(self, id: str) -> None:
        del self.handles[id]
        self.used = {frame: data for frame, data in self.used.items() if frame[0] != id}


def _greediest(held: Counter[str]) -> str:
    return max(held, key=lambda owner: (held[owner], owner.encode()))
