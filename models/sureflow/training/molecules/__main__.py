"""Makes training data of molecules: ``python -m sureflow.training.molecules``.

They are those of MOSES (in the package ``molsets``, MIT), or of another list of SMILES, one a line.
It needs the extra ``molecules`` and a minute of one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sureflow.training.molecules.sequences import (
    COUNT,
    LENGTH,
    chosen,
    moses_folder,
    read_smiles,
    written,
)


def main(arguments: list[str] | None = None) -> None:
    """Read the molecules and write the training data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path("runs/molecules.safetensors"))
    parser.add_argument("--file", type=Path, help="list of SMILES; default: that of MOSES")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--length", type=int, default=LENGTH, help="of the longest that is taken")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    everything = read_smiles(options.file or moses_folder() / "train.csv.gz")
    taken = chosen(everything, options.count, options.length, options.seed)
    written(taken, options.length, options.out)
    print(f"{options.out}: {len(taken)} of {len(everything)} molecules")


if __name__ == "__main__":
    main()
