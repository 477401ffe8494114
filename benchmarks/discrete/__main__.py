"""Measures models of discrete samples: ``python -m benchmarks.discrete PART``.

Each part has options of its own, see ``python -m benchmarks.discrete PART --help``.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

PARTS = {
    "cells": "benchmarks.discrete.cells",
    "molecules": "benchmarks.discrete.molecules",
}
"""The module of each part; its ``main`` takes the rest of the command line."""


def main() -> None:
    """Run a part."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=len(sys.argv) < 3)
    parser.add_argument("part", choices=PARTS)
    chosen, rest = parser.parse_known_args()
    import_module(PARTS[chosen.part]).main(rest)


if __name__ == "__main__":
    main()
