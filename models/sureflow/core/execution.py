"""How a model is run: precision and compilation. Free of torch."""

from typing import Literal

Precision = Literal["float32", "bfloat16"]
"""Precision of matrix products and convolutions, and of their weights."""

Compile = Literal["off", "graphs", "compile"]
"""See :func:`sureflow.sampling.compiled.compiled`."""
