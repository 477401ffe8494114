"""The properties of a machine that determine its kernels, and so how sums are rounded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
)
"""Environment variables that choose kernels. One that is set by the library counts as well, since
the variables are read after it was imported."""


def kernels() -> dict[str, str]:
    """Processor, libraries and settings, by name."""
    return {
        "processor": _processor(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
        **{name: os.environ.get(name, "") for name in VARIABLES},
    }


def _processor() -> str:
    """Vendor, family, model and name of the processor, as the kernel of Linux says it."""
    lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return " ".join(
        told.get(key, "?") for key in ("vendor_id", "cpu family", "model", "model name")
    )
