"""What came of a class of attacks, beside what was promised."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.hostile.sending import MOST_BYTES, Outcome

STALL_S = 0.1
GROWTH = 1.5
MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    """What came of a class of attacks.

    Attributes:
        name: Of the class.
        outcome: Its answers.
        stall_s: Longest time until ``/health/live`` was answered.
        control_s: The same of a process that nobody attacks.
        idle: Bytes of the server before.
        peak: Bytes at most meanwhile.
        budget: Bytes that the attack may take by the settings.
        growth: What it may take besides, of what it takes when idle.
        ended: Whether the server ended, and was not meant to.
        seconds: How long it took.
    """

    name: str
    outcome: Outcome
    stall_s: float
    control_s: float
    idle: float
    peak: float
    budget: int
    growth: float
    ended: bool
    seconds: float

    def misses(self) -> list[str]:
        """Return what is not as promised."""
        out = self.outcome
        bars = {
            "stall": self.stall_s > STALL_S + self.control_s,
            "size": out.largest_refusal > MOST_BYTES,
            "memory": self.peak > self.growth * self.idle + self.budget,
            "5xx": out.undocumented > 0,
            "ended": self.ended,
            "answers": bool(out.offences),
        }
        return [name for name, missed in bars.items() if missed]

    def cells(self) -> list[str]:
        """Return it as cells of a table."""
        out = self.outcome
        return [
            self.name,
            ", ".join(f"{_status(code)} x {n}" for code, n in sorted(out.statuses.items())),
            f"{out.largest_refusal:,} / {out.largest:,}",
            f"{1000 * self.stall_s:.0f} ({1000 * self.control_s:.0f})",
            f"{self.peak / self.idle:.2f} ({self.peak / MIB:.0f})",
            f"{self.growth + self.budget / self.idle:.2f}",
            str(out.undocumented),
            f"{self.seconds:.0f}",
            f"MISSED: {', '.join(self.misses())}" if self.misses() else "ok",
        ]


def _status(code: int) -> str:
    return str(code) if code else "no answer"


HEADER = (
    *("attack", "answers", "bytes: refusal / any", "stall (control), ms", "peak / idle (MiB)"),
    *("may be", "unknown 5xx", "s", "bars"),
)
