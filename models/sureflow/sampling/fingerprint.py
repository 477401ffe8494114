"""By what samples of one model can be told to have been made on other kernels."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch

from sureflow.model import Model
from sureflow.numerics import describe
from sureflow.sampling.evaluators import main_head

ROWS = 8

POWERS = -np.arange(1, 5).repeat(2 * ROWS) / 6
"""Steps are chosen by powers of errors, which numpy computes by the instructions that it finds."""


@torch.inference_mode()
def numerics_of(model: Model) -> dict[str, Any]:
    """What a model runs on here: the process, the block sizes in use, and a fingerprint.

    The fingerprint is a hash of what the model's main head answers to a fixed small batch of
    noise, and of a few powers. Block sizes in use agree bit by bit, so that one hash is that of
    all. Where it is another one, a
    trajectory that is taken up again goes on nearly as it was, not exactly.
    """
    evaluate = main_head(model)
    example = model.engine.heads()[model.engine.main].example(ROWS)
    digest = hashlib.sha256((np.geomspace(0.01, 100, ROWS**2) ** POWERS).tobytes())
    for name, answer in sorted(evaluate(example).items()):
        values = answer.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(f"{name}\0{[*answer.shape]}\0".encode())
        digest.update(values.numpy().data)
    return {
        **describe(),
        "device": model.device.type,
        "block_rows": [*evaluate.sizes],
        "fingerprint": f"sha256:{digest.hexdigest()}",
    }
