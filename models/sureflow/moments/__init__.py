"""Closed-form propagation of mean and variance through the layers of a network.

A :class:`Moments` is what flows through a network: the plain activations and, downstream of the
first noise layer, the variance that the noise gives them. :func:`propagate` takes it through one
layer by that layer's rule; :func:`register` adds a rule for a layer of your own.
"""

from sureflow.moments import linear, normalization  # noqa: F401 - they register their rules
from sureflow.moments.activation import expected_slope
from sureflow.moments.attention import attention
from sureflow.moments.combine import add, concatenate, gate, modulate
from sureflow.moments.moments import Moments
from sureflow.moments.noise import MultiplicativeNoise
from sureflow.moments.resampling import UpsampleConv2d
from sureflow.moments.rowwise import RowwiseConv2d, RowwiseLinear
from sureflow.moments.rules import propagate, register

__all__ = [
    "Moments",
    "MultiplicativeNoise",
    "RowwiseConv2d",
    "RowwiseLinear",
    "UpsampleConv2d",
    "add",
    "attention",
    "concatenate",
    "expected_slope",
    "gate",
    "modulate",
    "propagate",
    "register",
]
