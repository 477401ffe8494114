"""Known weaknesses of the packages in ``constraints.txt``: ``python deploy/audit.py``.

Ends with 1 if there is one that is not in :data:`ACCEPTED`. Without a network, or with a package
index that knows nothing of weaknesses, it says so and ends with 0: nothing has been found out then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
SECONDS = 120

ACCEPTED: dict[str, str] = {}
"""Weaknesses by their id, each with why it does not concern us."""


def main() -> int:
    """Ask, print what came of it, and return the exit code."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS)),
        *("--no-deps", "--disable-pip", "--format", "json"),
        *("--progress-spinner", "off", "--timeout", "5"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"audit: skipped, nobody answered within {SECONDS} s")
        return 0
    message, code = summary(done.stdout, done.stderr)
    print(f"audit: {message}")
    return code


def summary(report: str, errors: str) -> tuple[str, int]:
    """Return what to say of a report, and the exit code.

    Args:
        report: What was written to standard output, JSON if anybody could be asked.
        errors: What was written to standard error.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        last = (errors.strip().splitlines() or ["nothing was said"])[-1]
        return f"skipped, no answer: {last.partition('(')[0][:200]}", 0
    asked = [package for package in packages if "skip_reason" not in package]
    found = [
        f"{package['name']} {package['version']}: {weakness['id']}, mended in "
        f"{', '.join(weakness['fix_versions']) or 'no version'}"
        for package in asked
        for weakness in package["vulns"]
        if weakness["id"] not in ACCEPTED
    ]
    if found:
        return "\n  ".join([f"{len(found)} known weaknesses", *found]), 1
    if not asked:
        return f"skipped, nothing is known of any of {len(packages)} packages", 0
    return f"no known weakness in {len(asked)} of {len(packages)} packages", 0


if __name__ == "__main__":
    sys.exit(main())
