"""Handles that the embedded store puts together: one wait for the disk serves them all."""

from __future__ import annotations

from dataclasses import dataclass, field

from sureflow_server.store.handle import OVERHEAD, Handle

Frames = dict[int, bytes]


@dataclass(slots=True)
class Batch:
    """What is admitted and about to be written.

    Attributes:
        puts: Handles and frames by id, in the order in which they came.
        handle_nbytes: What the handles count for without their frames.
        frame_nbytes: What the frames count for.
    """

    puts: dict[str, tuple[Handle, Frames]] = field(default_factory=dict)
    handle_nbytes: int = 0
    frame_nbytes: int = 0

    def add(self, handle: Handle, frames: Frames) -> None:
        """Admit a handle with these frames."""
        self.puts[handle.id] = handle, frames
        self.handle_nbytes += handle.nbytes
        self.frame_nbytes += counted(frames)

    def evict(self, nbytes: int) -> int:
        """Leave out the oldest frames that together make this many bytes; return their number."""
        evicted = 0
        oldest_first = [(f, step) for _, f in self.puts.values() for step in reversed(f)]
        for frames, step in oldest_first:
            if nbytes <= 0:
                break
            size = len(frames.pop(step)) + OVERHEAD
            self.frame_nbytes -= size
            nbytes -= size
            evicted += 1
        return evicted


def counted(frames: Frames) -> int:
    """Return what frames count for."""
    return sum(len(data) + OVERHEAD for data in frames.values())
