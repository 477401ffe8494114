"""Bytes of answers that are being made or read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sureflow_server.api.problems import Problem

RETRY_S = 5
"""Seconds after which a refused client may try again."""


class AnswerBudget:
    """Counts what answers take until they have been read, by owner and all together.

    An owner may hold as much as it leaves free, so that there is always room for another.

    Args:
        max_bytes: Of all answers together.
        freed: Told of bytes that are let go of.

    Attributes:
        size: Bytes that are held.
    """

    def __init__(self, max_bytes: int, freed: Callable[[int], None] = lambda nbytes: None) -> None:
        self._max_bytes = max_bytes
        self._freed = freed
        self._of: Counter[str] = Counter()
        self._shared: dict[object, _Shared] = {}
        self.size = 0

    def open(self, owner: str) -> Claim:
        """Return a claim of this owner, to nothing yet."""
        return Claim(self, owner)

    def check(self, owner: str, nbytes: int) -> None:
        """Return if so many more bytes may be held by an owner; if nothing is held, any number.

        Raises:
            Problem: They may not for now; says after how long to try again.
        """
        held = self._of[owner] + nbytes
        if self.size and held > self._max_bytes - self.size - nbytes:
            own = self._of[owner]
            kind, whose = ("answers-unread", "this client") if own else ("answers-full", "others")
            message = f"answers to {whose} are still being read: {own or self.size} bytes"
            raise Problem(kind, message, headers={"Retry-After": str(RETRY_S)})

    def check_alone(self, nbytes: int) -> None:
        """Return if an answer may ever be asked for.

        Raises:
            Problem: It is larger than what an owner may hold.
        """
        most = self._max_bytes // 2
        if nbytes > most:
            message = f"an answer of some {nbytes} bytes; at most {most} may be asked for at once"
            raise Problem("answer-too-large", message)

    def count(self, owner: str, nbytes: int) -> None:
        """Add bytes to what an owner holds, or take them away if negative."""
        self.size += nbytes
        self._of[owner] += nbytes
        self._freed(max(-nbytes, 0))
        if not self._of[owner]:
            del self._of[owner]

    def join(self, body: object, owner: str, nbytes: int) -> None:
        """Hold bytes that others may hold as well; they count once, for who came first.

        Raises:
            Problem: There is no room for them.
        """
        shared = self._shared.get(body)
        if shared is None:
            self.check(owner, nbytes)
            self.count(owner, nbytes)
            shared = self._shared[body] = _Shared(owner, nbytes)
        shared.readers += 1

    def part(self, body: object) -> None:
        """Let go of bytes that others may hold as well."""
        shared = self._shared[body]
        shared.readers -= 1
        if not shared.readers:
            self.count(shared.owner, -shared.nbytes)
            del self._shared[body]


class Claim:
    """What one answer takes.

    Attributes:
        size: Bytes that it alone holds.
    """

    def __init__(self, budget: AnswerBudget, owner: str) -> None:
        self._budget = budget
        self._owner = owner
        self._body: object | None = None
        self.size = 0

    def take(self, nbytes: int) -> None:
        """Hold so many bytes more, for an answer that is to be made.

        Raises:
            Problem: There is no room for them, or never is.
        """
        self._budget.check_alone(nbytes)
        self._budget.check(self._owner, nbytes)
        self.resize(self.size + nbytes)

    def share(self, body: object, nbytes: int) -> None:
        """Hold bytes that other answers hold, too, until all are read.

        Raises:
            Problem: There is no room for them.
        """
        self._budget.join(body, self._owner, nbytes)
        self._body = body

    def resize(self, nbytes: int) -> None:
        """Hold what the answer has turned out to take; what is made is not refused any more."""
        self._budget.count(self._owner, nbytes - self.size)
        self.size = nbytes

    def handed_on(self) -> Claim:
        """Return another claim, which holds these bytes instead."""
        other = self._budget.open(self._owner)
        other.resize(self.size)
        self.resize(0)
        return other

    def release(self) -> None:
        """Hold nothing."""
        self.resize(0)
        if self._body is not None:
            self._budget.part(self._body)
            self._body = None


@dataclass(slots=True)
class _Shared:
    owner: str
    nbytes: int
    readers: int = 0
