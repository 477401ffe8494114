"""Sampling: lanes in flight, the solvers that move them, and the scores they gather."""

from sureflow.sampling.branch import edit, invert
from sureflow.sampling.sample import sample
from sureflow.sampling.sampler import Sampler, Tick

__all__ = ["Sampler", "Tick", "edit", "invert", "sample"]
