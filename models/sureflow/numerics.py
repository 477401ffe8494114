"""Kernels that give the same bits every time: decided on before they load, and told of after.

MKL sums a row differently by the number of rows beside it, unless it is told not to; which kernels
there are depends on the processor. What torch and numpy compute with they choose once, from the
environment, so importing this module decides, and every other one of Sureflow imports it first.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

SWITCH = "SUREFLOW_PORTABLE"
"""Environment variable: 1 asks for kernels whose bits are the same on all x86 with AVX2."""

REPRODUCIBLE = {"MKL_CBWR": "AUTO,STRICT"}
"""The fastest kernels whose rows do not depend on each other; see Intel's oneMKL guide, Conditional
Numerical Reproducibility. What the operator has set is left as it is."""

PORTABLE = {
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
"""The same on all processors with AVX2: matrix products, convolutions, the rest of torch, and the
powers of numpy, by which adaptive steps are chosen. MKL has one branch that is the same on
processors of other vendors; on those it takes every other name for ``AUTO``."""

BRANCHES = {1: "OFF", 2: "AUTO", 3: "COMPATIBLE", 10: "AVX2", 12: "AVX512", 14: "AVX512_E1"}
"""MKL's numbers for what ``MKL_CBWR`` can name, as far as they matter."""

STRICT = 0x10000


def decide(portable: bool | None = None) -> None:
    """Decide which kernels this process and its children run on, as far as that is still open.

    Args:
        portable: Whether the bits shall be those of all x86 machines with AVX2, at a price; by
            default as the environment says.
    """
    if portable is not None:
        os.environ[SWITCH] = str(int(portable))
    if is_portable():
        os.environ.update(PORTABLE)
    else:
        for name, value in REPRODUCIBLE.items():
            os.environ.setdefault(name, value)


@contextmanager
def decided_for_children(portable: bool) -> Iterator[None]:
    """Decide for the processes that are started meanwhile, and not for this one."""
    before = dict(os.environ)
    decide(portable or None)
    try:
        yield
    finally:
        for name in {*os.environ} - {*before}:
            del os.environ[name]
        os.environ.update(before)


def is_portable() -> bool:
    """Whether the bits are to be those of all x86 machines with AVX2."""
    return os.environ.get(SWITCH, "").lower() in ("1", "true", "yes", "on")


def describe() -> dict[str, Any]:
    """What this process computes with: library, instruction set, and the modes they are in.

    ``mode`` is what MKL says of itself, ``portable`` whether all parts of that mode are in force.
    Warns, once, of what had been chosen before anybody could decide.
    """
    import torch

    mkl = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
    mode = _mkl_mode() if mkl else ""
    late = [] if mode != "OFF" or os.environ.get("MKL_CBWR", "OFF") == "OFF" else ["MKL"]
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
    """What runs on other kernels than the portable ones."""
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
    wanted = "portable" if is_portable() else "reproducible"
    values = " ".join(f"{name}={value}" for name, value in REPRODUCIBLE.items())
    remedy = f"{SWITCH}=1" if is_portable() else values
    warnings.warn(
        f"{' and '.join(late)} had chosen kernels before Sureflow could choose {wanted} ones: "
        f"import sureflow before anything that computes, or set {remedy}",
        RuntimeWarning,
        stacklevel=4,
    )


def _mkl_mode() -> str:
    """The mode that MKL is in; where it cannot be asked, the one that it was told to be in."""
    import torch

    library: ctypes.CDLL | None = None
    with suppress(OSError):  # torch may be built otherwise
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    for name in ("mkl_serv_cbwr_get", "MKL_CBWR_Get"):
        if hasattr(library, name):
            code = getattr(library, name)(-1)
            branch = BRANCHES.get(code & ~STRICT, str(code & ~STRICT))
            return f"{branch},STRICT" if code & STRICT else branch
    return os.environ.get("MKL_CBWR", "OFF")


@cache
def _processor() -> str:
    """Name of the processor, as Linux has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "")


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


decide()
