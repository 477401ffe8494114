"""Ways in which a server is attacked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.target import Setup, Target
from sureflow_server.settings import Settings


@dataclass(frozen=True)
class Attack:
    """A class of attacks.

    Attributes:
        name: What is done.
        run: Does it, and says what came of it.
        budgets: Settings that bound the memory which it may take.
        fatal: Whether the server is meant to end of it.
    """

    name: str
    run: Callable[[Target], Outcome]
    budgets: tuple[str, ...] = ()
    fatal: bool = False

    def budget(self, setup: Setup) -> int:
        """Return the bytes that it may take on such a server."""
        given = dict(zip(setup.options[::2], setup.options[1::2], strict=False))
        fields = Settings.model_fields
        return sum(
            int(given.get(f"--{name.replace('_', '-')}", fields[name].default))
            for name in self.budgets
            if name in fields
        )
