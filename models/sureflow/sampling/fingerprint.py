"""The fingerprint of a model: it differs where the kernels give other bits."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch

from sureflow.model import Model
from sureflow.numerics import describe
from sureflow.sampling.evaluator import evaluators, main_head

ROWS = 8

POWERS = -np.arange(1, 5).repeat(2 * ROWS) / 6
"""Powers of errors determine adaptive steps; numpy computes them by the instructions it finds."""


@torch.inference_mode()
def numerics_of(model: Model) -> dict[str, Any]:
    """What a model runs on here: the process, the block sizes in use, and a fingerprint.

    The fingerprint is a hash of the answers of the heads that decide on samples to a few fixed
    rows, and of a few powers.
    Where it differs, a trajectory that is resumed continues nearly as before, not exactly.
    """
    digest = hashlib.sha256((np.geomspace(0.01, 100, ROWS**2) ** POWERS).tobytes())
    for bucket in model.engine.buckets():
        heads, evaluate = model.engine.at(bucket).heads(), evaluators(model).at(bucket)
        for head in model.engine.deciding():
            for name, answer in sorted(evaluate[head](heads[head].example(ROWS)).items()):
                values = answer.detach().cpu().contiguous().flatten().view(torch.uint8)
                digest.update(f"{name}\0{[*answer.shape]}\0".encode())
                digest.update(values.numpy().data)
    return {
        **describe(),
        "device": model.device.type,
        "block_rows": [*main_head(model).sizes],
        "fingerprint": f"sha256:{digest.hexdigest()}",
    }
