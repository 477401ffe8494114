"""All imports from the library. If a name moves, only this file changes."""

from sureflow import FlowSpec as LaneSpec
from sureflow import Model, Sample, edit, invert, load
from sureflow.families.flow.operations import Guide, Inpaint, Operation, Resample, Uncertain
from sureflow.recipe import dump, parse
from sureflow.sampling.sample import run

__all__ = [
    "Guide",
    "Inpaint",
    "LaneSpec",
    "Model",
    "Operation",
    "Resample",
    "Sample",
    "Uncertain",
    "dump",
    "edit",
    "invert",
    "load",
    "parse",
    "run",
]
