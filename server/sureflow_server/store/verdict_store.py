"""Where verdicts live: the protocol that every store of them keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sureflow_server.store.verdict import Place, Successor, Verdict


class VerdictStore(Protocol):
    """Keeps verdicts, and of the draws that were proposed how sure the model was of each.

    What was put outlives the process, however that ends, and a loss of power as far as the disk, or
    the set-up of Redis, keeps its word. There are never more verdicts than the store was opened
    with room for: then :class:`~sureflow_server.store.errors.VerdictsFullError` is raised. All
    methods may raise :class:`~sureflow_server.store.errors.StoreUnavailableError`.
    """

    async def put(self, verdicts: Sequence[Verdict], gone: Sequence[Place] = ()) -> None:
        """Keep verdicts and take others back, all or nothing; may be repeated.

        Raises:
            VerdictsFullError: There is no room; nothing was done.
        """

    async def verdicts(self, model: str, stream: str | None = None) -> list[Verdict]:
        """Return the verdicts of a model, or of one of its streams, in order of time."""

    async def extend(self, stream: str, first: int, uncertainties: Sequence[float]) -> None:
        """Note how unsure the model was of draws from this one on; those known stay as they are."""

    async def draws(self, stream: str) -> list[float]:
        """Return how unsure the model was of the draws of a stream, up to the first not known."""

    async def offer(
        self, stream: str, reviewer: str, numbers: Sequence[int], now: float, until: float
    ) -> list[int]:
        """Note that draws are before a reviewer until a time, in seconds since the epoch.

        Returns:
            Those that are; the others are before somebody else, and for longer than ``now``.
        """

    async def offered(self, stream: str) -> Mapping[int, tuple[str, float]]:
        """Return before whom draws are, by number, and until when, which may be over."""

    async def withdraw(self, certificate: str, reason: str) -> bool:
        """Note that a certificate, given by its version, does not hold; the last reason stays.

        Returns:
            Whether that was not noted before.
        """

    async def restore(self, certificate: str) -> bool:
        """Note that a certificate holds.

        Returns:
            Whether it was withdrawn.
        """

    async def withdrawn(self) -> Mapping[str, str]:
        """Return the certificates that do not hold, and why."""

    async def count(self, version: str, served: Mapping[str, int]) -> None:
        """Add to how many samples of each kind were served with a version of a calibration."""

    async def counted(self, version: str) -> Mapping[str, int]:
        """Return how many of each kind were."""

    async def succeed(self, model: str, versions: Sequence[str], version: str, data: bytes) -> None:
        """Note the calibration that a model has from now on, in place of those of some versions.

        Args:
            model: Name of the model.
            versions: Those that it had until now.
            version: That of the new one.
            data: The new one, as a file has it.
        """

    async def successors(self) -> Mapping[str, Successor]:
        """Return by model what other servers have put in place of which calibrations."""

    async def successor(self, model: str) -> bytes | None:
        """Return the calibration that was noted last, as a file has it, if there is any."""

    async def close(self) -> None:
        """Finish what is under way."""
