"""Kernels that give the same bits every time: decided on before torch loads, and told of after.

MKL sums a row differently by the number of rows beside it, unless it is told not to; which kernels
there are depends on the processor. Free of torch until it is asked what a process runs on.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

SWITCH = "SUREFLOW_PORTABLE"
"""Environment variable: 1 asks for kernels whose bits are the same on all x86 with AVX2."""

REPRODUCIBLE = {"MKL_CBWR": "AUTO,STRICT"}
"""The fastest kernels whose rows do not depend on each other; see Intel's oneMKL guide, Conditional
Numerical Reproducibility. What the operator has set is left as it is."""

PORTABLE = {
    "MKL_CBWR": "AVX2,STRICT",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}
"""The same on all processors with AVX2: matrix products, convolutions, and all else."""

_late = False


def decide(portable: bool | None = None) -> None:
    """Decide which kernels this process and its children run on.

    To be called before torch is imported; importing :mod:`sureflow` calls it.

    Args:
        portable: Whether the bits shall be those of all x86 machines with AVX2, at a price; by
            default as the environment says.
    """
    global _late
    if portable is not None:
        os.environ[SWITCH] = str(int(portable))
    _late = "torch" in sys.modules and "MKL_CBWR" not in os.environ
    if is_portable():
        os.environ.update(PORTABLE)
    else:
        for name, value in REPRODUCIBLE.items():
            os.environ.setdefault(name, value)


def is_portable() -> bool:
    """Whether the bits are to be those of all x86 machines with AVX2."""
    return os.environ.get(SWITCH, "").lower() in ("1", "true", "yes")


def describe() -> dict[str, Any]:
    """What this process computes on: library, instruction set and mode.

    Warns, once, if torch was imported before anybody could decide.
    """
    global _late
    import torch

    mkl = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
    if _late and mkl:
        _late = False
        warnings.warn(
            "torch was imported before sureflow, so its kernels may have been chosen already and "
            "rows may depend on how many there are: import sureflow first, or set "
            "MKL_CBWR=AUTO,STRICT",
            RuntimeWarning,
            stacklevel=3,
        )
    return {
        "library": f"{'MKL' if mkl else 'another BLAS'}, torch {torch.__version__}",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "mode": os.environ.get("MKL_CBWR", "") if mkl else "",
        "portable": is_portable(),
    }


def make_deterministic() -> None:
    """Keep this process to deterministic CUDA kernels in full float32.

    To be called before the first work on a GPU: cuBLAS reads its setting when it starts.
    """
    import torch

    # One workspace of 4 MiB (in KiB) per stream, and none to choose from by chance.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory would cost a kernel each, and everything here is written before read.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
