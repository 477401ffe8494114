"""Sureflow: flow-matching models that say how sure they are of every sample.

``sureflow.load`` opens a checkpoint, ``sureflow.sample`` draws from it, ``sureflow.edit`` resumes a
sample from one of its steps, and ``sureflow.invert`` finds the noise from which a given sample
comes. All of them are imported on first use, so that ``import sureflow`` does not import torch.
"""

from typing import TYPE_CHECKING, Any

from sureflow import numerics as numerics  # decides on kernels, before anything loads some
from sureflow.core.lane import LaneSpec, Sample
from sureflow.families.flow.spec import FlowSpec

if TYPE_CHECKING:
    from sureflow.checkpoint import CheckpointError, load
    from sureflow.families.flow.inversion import invert
    from sureflow.model import Model
    from sureflow.sampling.sample import edit, sample

__version__ = "0.1.0"

__all__ = [
    "CheckpointError",
    "FlowSpec",
    "LaneSpec",
    "Model",
    "Sample",
    "edit",
    "invert",
    "load",
    "sample",
]

_homes = {
    "CheckpointError": "sureflow.checkpoint",
    "Model": "sureflow.model",
    "edit": "sureflow.sampling.sample",
    "invert": "sureflow.families.flow.inversion",
    "load": "sureflow.checkpoint",
    "sample": "sureflow.sampling.sample",
}


def __getattr__(name: str) -> Any:
    if name not in _homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_homes[name]), name)
