"""Sureflow: flow-matching models that say how sure they are of every sample.

``sureflow.load`` opens a checkpoint and ``sureflow.sample`` draws from it. Both are imported on
first use, so that importing the package (or its plain-data modules) does not import torch.
"""

from typing import TYPE_CHECKING, Any

from sureflow.lane import LaneSpec, Sample

if TYPE_CHECKING:
    from sureflow.checkpoint import CheckpointError, load
    from sureflow.model import Model
    from sureflow.sampling import sample

__version__ = "0.1.0"
__all__ = ["CheckpointError", "LaneSpec", "Model", "Sample", "load", "sample"]

_homes = {
    "CheckpointError": "sureflow.checkpoint",
    "Model": "sureflow.model",
    "load": "sureflow.checkpoint",
    "sample": "sureflow.sampling",
}


def __getattr__(name: str) -> Any:
    if name not in _homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_homes[name]), name)
