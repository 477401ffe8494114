"""The option ``--device`` of benchmarks."""

from __future__ import annotations

import argparse

from sureflow.device import DeviceError, usable
from sureflow.numerics import make_deterministic


def add_device(parser: argparse.ArgumentParser, default: str = "cpu") -> None:
    """Add the option; on a GPU kernels are then those of a server.

    A device that cannot be used ends the program with one sentence.
    """
    parser.add_argument("--device", type=_prepared, default=default, help="cpu, cuda or cuda:N")


def _prepared(name: str) -> str:
    try:
        if usable(name).type == "cuda":
            make_deterministic()
    except DeviceError as error:
        raise SystemExit(str(error)) from None
    return name
