"""Kernels that give the same bits every time."""

from __future__ import annotations

import os

import torch


def make_deterministic() -> None:
    """Keep this process to deterministic CUDA kernels in full float32.

    To be called before the first work on a GPU: cuBLAS reads its setting when it starts. The CPU
    is deterministic anyway.
    """
    # One workspace of 4 MiB (in KiB) per stream, and none to choose from by chance.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory would cost a kernel each, and everything here is written before read.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
