"""Makes the crystals: ``python -m sureflow.training.crystals``.

It relaxes some 2,200 structures, which takes a quarter of an hour of one core. It needs the extra
``crystals``. Stopped, it goes on from where it was, if it is given the same file of results.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sureflow.training.crystals.compositions import compounds, elements_of
from sureflow.training.crystals.gathered import gathered
from sureflow.training.crystals.held_out import held_out
from sureflow.training.crystals.relaxation import FORCE, POTENTIAL, STEPS, chgnet
from sureflow.training.crystals.relaxations import Results, tasks

PACKAGES = ("chgnet", "ase", "pymatgen", "torch", "numpy")


def main(arguments: list[str] | None = None) -> None:
    """Relax the structures and write the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "out", nargs="?", type=Path, default=Path("models/data/crystals.safetensors")
    )
    parser.add_argument("--results", type=Path, default=Path("runs/crystals.jsonl"))
    parser.add_argument("--seed", type=int, default=0, help="of what is held out, and of the order")
    parser.add_argument("--first", type=int, help="only so many compositions")
    options = parser.parse_args(arguments)
    all_compounds = compounds()
    compositions = [*elements_of(all_compounds), *all_compounds]
    kept = held_out(compositions, options.seed)
    order = np.random.default_rng(options.seed).permutation(len(compositions))[: options.first]
    wanted = tasks(compositions[at] for at in order)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    results = Results(options.results)
    for _ in tqdm(results.run(wanted, chgnet()), total=len(wanted), unit="crystal"):
        pass
    provenance = {
        "label": f"computed with {POTENTIAL}",
        "versions": {name: version(name) for name in PACKAGES},
        "seed": options.seed,
        "force_ev_per_angstrom": FORCE,
        "steps_at_most": STEPS,
    }
    made = gathered(wanted, results.found, kept, provenance)
    made.save(options.out)
    print(f"{options.out}: {len(made)} crystals of {len(made.compositions)} compositions")


if __name__ == "__main__":
    main()
