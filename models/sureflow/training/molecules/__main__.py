"""Makes training data of molecules: ``python -m sureflow.training.molecules FILE``.

The file is a list of SMILES, one a line, as MOSES has it (``moses/dataset/data/train.csv.gz`` in
the package ``molsets``, MIT). It needs the extra ``molecules`` and some minutes of one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sureflow.training.molecules.sequences import COUNT, LENGTH, chosen, read_smiles, written


def main(arguments: list[str] | None = None) -> None:
    """Read the molecules and write the training data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("out", nargs="?", type=Path, default=Path("runs/molecules.safetensors"))
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--length", type=int, default=LENGTH, help="of the longest that is taken")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    everything = read_smiles(options.file)
    taken = chosen(everything, options.count, options.length, options.seed)
    written(taken, options.length, options.out)
    print(f"{options.out}: {len(taken)} of {len(everything)} molecules")


if __name__ == "__main__":
    main()
