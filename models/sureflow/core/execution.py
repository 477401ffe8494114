"""How a model is run, in plain words that need no torch."""

from typing import Literal

Precision = Literal["float32", "bfloat16"]
"""Of matrix products and convolutions, and of their weights."""

Compile = Literal["off", "graphs", "compile"]
"""See :func:`sureflow.sampling.compiled.compiled`."""
