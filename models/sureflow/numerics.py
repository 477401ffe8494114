"""Chooses the kernels of torch and numpy, so that they give the same bits every time.

By default MKL sums a row in an order that depends on the number of rows beside it. Torch and numpy
read from the environment which kernels to use, once, when they are loaded. Importing this module
sets the environment, and every other module of Sureflow imports this one first.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

SWITCH = "SUREFLOW_PORTABLE"
"""Environment variable: 1 asks for kernels whose bits are the same on all x86 with AVX2."""

MODE, REPRODUCIBLE = "MKL_CBWR", "AUTO,STRICT"
"""Environment variable of MKL, and the mode that selects its fastest kernels whose rows do not
depend on each other; see Intel's oneMKL guide, Conditional Numerical Reproducibility."""

PORTABLE = {
    MODE: "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
"""Kernels that give the same bits on all processors with AVX2: for matrix products, convolutions,
the rest of torch, and numpy's powers, from which adaptive steps are computed. MKL has only one mode
that is the same on processors of other vendors; there, it treats every other mode as ``AUTO``."""

BRANCHES = {1: "OFF", 2: "AUTO", 3: "COMPATIBLE", 10: "AVX2", 12: "AVX512", 14: "AVX512_E1"}
"""MKL's numbers for the modes."""

STRICT = 0x10000


def decide(portable: bool | None = None) -> None:
    """Choose the kernels of this process and its children. Libraries already loaded keep theirs.

    Portable kernels are slower, and give the same bits on all x86 machines with AVX2. By default
    the environment decides between them and the fastest ones.
    """
    if portable is not None:
        os.environ[SWITCH] = str(int(portable))
    if is_portable():
        os.environ.update(PORTABLE)
    else:
        os.environ.setdefault(MODE, REPRODUCIBLE)


def is_portable() -> bool:
    """Whether the environment asks for the bits of all x86 machines with AVX2."""
    return os.environ.get(SWITCH, "").lower() in ("1", "true", "yes", "on")


def describe() -> dict[str, Any]:
    """Describe what this process computes with: library, instruction set, mode and processor.

    ``mode`` is the mode that MKL reports. ``portable`` says whether all parts of the portable mode
    are in force. A warning names, once, the libraries whose kernels were chosen before.
    """
    import torch

    mkl = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
    mode = _mkl_mode() if mkl else ""
    late = [] if mode != "OFF" or os.environ.get(MODE, "OFF") == "OFF" else ["MKL"]
    if is_portable():
        late = _not_portable(mode, torch.backends.cpu.get_cpu_capability())
    if late:
        _warn(tuple(late))
    return {
        "library": f"{'MKL' if mkl else 'another BLAS'}, torch {torch.__version__}",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "mode": mode,
        "portable": is_portable() and not late,
        "processor": _processor(),
        "threads": torch.get_num_threads(),
    }


def _not_portable(mode: str, instructions: str) -> list[str]:
    """The libraries that use other kernels than the portable ones."""
    import numpy as np

    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    beyond = {
        "MKL": mode not in ("", "COMPATIBLE"),
        "torch": instructions not in ("AVX2", "DEFAULT"),
        "numpy": any(name in ("X86_V4", "AVX512F") for name in found),
    }
    return [name for name, is_beyond in beyond.items() if is_beyond]


@cache
def _warn(late: tuple[str, ...]) -> None:
    wanted, remedy = "reproducible", f"{MODE}={REPRODUCIBLE}"
    if is_portable():
        wanted, remedy = "portable", f"{SWITCH}=1"
    warnings.warn(
        f"{' and '.join(late)} had chosen kernels before Sureflow could choose {wanted} ones: "
        f"import sureflow before anything that computes, or set {remedy}",
        RuntimeWarning,
        stacklevel=4,
    )


def _mkl_mode() -> str:
    """The mode that MKL reports, or if it cannot be asked, the mode in the environment."""
    import torch

    library: ctypes.CDLL | None = None
    with suppress(OSError):  # other builds of torch have no such file
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    for name in ("mkl_serv_cbwr_get", "MKL_CBWR_Get"):
        if hasattr(library, name):
            code = getattr(library, name)(-1)
            branch = BRANCHES.get(code & ~STRICT, str(code & ~STRICT))
            return f"{branch},STRICT" if code & STRICT else branch
    return os.environ.get(MODE, "OFF")


@cache
def _processor() -> str:
    """Name of the processor according to Linux; empty on other systems."""
    lines: list[str] = []
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "")


def make_deterministic() -> None:
    """Restrict this process to deterministic CUDA kernels in full float32.

    Call it before the first work on a GPU, because cuBLAS reads its setting when it starts.
    """
    import torch

    # One workspace of 4 MiB (in KiB) per stream, so that cuBLAS has none to choose from.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Our code writes all memory before it reads it, so filling fresh memory would only take time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


decide()
