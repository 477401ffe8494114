"""Draws crystals of compositions that were held out, over HTTP, and keeps them in a file.

``python -m benchmarks.crystals.collect OUT --url URL --scores renoised_nll trajectory``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.crystals.drawn import Drawn, save
from sureflow.evaluation.crystals.formula import formula_of
from sureflow.evaluation.crystals.known import shipped
from sureflow.evaluation.crystals.samples import crystal_of
from sureflow.training.crystals.crystal_set import CrystalSet
from sureflow_client import Client


def held_out(crystals: CrystalSet) -> list[tuple[str, int]]:
    """Compositions that were held out, each with the numbers of formula units of its cells."""
    found: set[tuple[str, int]] = set()
    for at, crystal in enumerate(crystals.crystals()):
        if crystals.held_out[at]:
            unit = sum(count for _, count in formula_of(crystal.species))
            formula = crystals.compositions[crystals.composition[at]]
            found.add((formula, len(crystal.species) // unit))
    return sorted(found)


def collect(
    client: Client,
    model: str,
    cells: Sequence[tuple[str, int]],
    each: int,
    scores: Sequence[str],
    seed: int,
) -> Iterator[Drawn]:
    """Draw so many crystals of each composition and number of units; those that diverged are left.

    Args:
        client: Of the server.
        model: Its name.
        cells: Compositions, each with a number of formula units.
        each: How many of each.
        scores: What to keep of each; the first is what the server ranks by.
        seed: Of the requests, and kept with each.
    """
    for formula, units in cells:
        found = client.generate(
            model,
            each,
            seed=seed,
            condition={"composition": formula},
            sampler={"units": units},
            score=scores[0],
            also=scores[1:],
            output="list",
        )
        for sample in found:
            said = {name: sample.scores.get(name) for name in scores}
            known = {name: value for name, value in said.items() if value is not None}
            if sample.data is not None and len(known) == len(scores):
                yield Drawn(crystal_of(sample.array()), formula, known, seed)


def main() -> None:
    """Collect and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="crystals")
    parser.add_argument("--each", type=int, default=8, help="crystals of each cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scores", nargs="+", required=True)
    asked = parser.parse_args()
    cells = held_out(shipped())
    with Client(asked.url) as client:
        found = list(collect(client, asked.model, cells, asked.each, asked.scores, asked.seed))
    save(found, asked.out)
    print(f"{asked.out}: {len(found)} crystals of {len(cells)} cells")


if __name__ == "__main__":
    main()
