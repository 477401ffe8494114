"""The command: ``python -m benchmarks.golden record FILE`` and ``compare FILE``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import golden
from benchmarks.golden.digests import CONFIDENCE, RECIPE, Digests, digests, made
from benchmarks.golden.kernels import kernels
from benchmarks.golden.lanes import MODELS, lanes
from benchmarks.golden.library import load

ERROR = "error"
"""Stands among the digests of a lane that could not be made, with what was raised."""


def main(arguments: list[str] | None = None) -> int:
    """Record or compare; 1 if something differs or is missing, 2 if it cannot be compared."""
    options = _options().parse_args(arguments)
    torch.set_num_threads(1)
    chosen = tuple(options.model or MODELS)
    if options.command == "record":
        found = digested(chosen)
        record = {"kernels": kernels(), "lanes": found}
        options.file.write_text(json.dumps(record, indent=1) + "\n")
        print(f"{len(found)} lanes recorded")
        return 0
    record = json.loads(options.file.read_text())
    differing = unlike(record["kernels"], kernels())
    if differing:
        print("\n".join(differing))
        if not options.force:
            print("recorded with other kernels, under which equal bytes are not to be expected")
            return 2
    recorded = {k: v for k, v in record["lanes"].items() if k.split()[0] in chosen}
    return compare(recorded, digested(chosen, patient=True), options.confidence)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=golden.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="write digests")
    comparison = commands.add_parser("compare", help="make the lanes again, and compare")
    for command in (record, comparison):
        command.add_argument("file", type=Path, metavar="FILE")
        command.add_argument("--model", action="append", choices=MODELS, help="only its lanes")
    comparison.add_argument("--force", action="store_true", help="with whatever kernels")
    comparison.add_argument(
        "--confidence", action="store_true", help="fail if a confidence differs, too"
    )
    return parser


def digested(models: tuple[str, ...], patient: bool = False) -> dict[str, Digests]:
    """Make all lanes of these models and return their digests by the name of the lane.

    Args:
        models: Names of checkpoints.
        patient: Note what a lane raised and go on to the next one.
    """
    loaded = {name: load(name) for name in models}
    found: dict[str, Digests] = {}
    chosen = [lane for lane in lanes() if lane.model in models]
    for lane in tqdm(chosen, "lanes", disable=None):
        try:
            found[lane.name] = digests(made(loaded[lane.model], lane))
        except Exception as error:
            if not patient:
                raise
            found[lane.name] = {ERROR: f"{type(error).__name__}: {error}"}
    return found


def compare(recorded: dict[str, Digests], found: dict[str, Digests], confidence: bool) -> int:
    """Print what differs, and how much of it there is; 1 if anything does.

    Args:
        recorded: Digests by lane, as they were.
        found: As they are.
        confidence: Whether confidences count.
    """
    differing = {"lanes": 0, "recipes": 0, "confidences": 0}
    names = [*recorded, *(name for name in found if name not in recorded)]
    for name in names:
        parts = _differing(recorded.get(name), found.get(name))
        if parts:
            print(f"{name}\n    {', '.join(parts)}")
        of_confidence = [part for part in parts if part in CONFIDENCE]
        differing["recipes"] += any(part == RECIPE for part in parts)
        differing["confidences"] += bool(of_confidence)
        differing["lanes"] += len(parts) > len(of_confidence) + (RECIPE in parts)
    lanes, recipes, confidences = (f"{n} of {len(names)} {k}" for k, n in differing.items())
    print(f"{lanes} differ, {recipes} differ")
    print(f"{confidences} differ{'' if confidence else ' (not counted)'}")
    return int(any(n for k, n in differing.items() if confidence or k != "confidences"))


def _differing(recorded: Digests | None, found: Digests | None) -> list[str]:
    """What differs of one lane. One that a side lacks, or cannot make, lacks its recipe too."""
    if recorded is None or found is None:
        return [RECIPE, "not recorded" if recorded is None else "missing"]
    if ERROR in found:
        return [RECIPE, found[ERROR]]
    return [name for name in sorted({*recorded, *found}) if recorded.get(name) != found.get(name)]


def unlike(recorded: dict[str, Any], present: dict[str, Any]) -> list[str]:
    """What the kernels differ in, a line each."""
    return [
        f"{name}: recorded {recorded.get(name)!r}, here {present.get(name)!r}"
        for name in sorted({*recorded, *present})
        if recorded.get(name) != present.get(name)
    ]


if __name__ == "__main__":
    raise SystemExit(main())
