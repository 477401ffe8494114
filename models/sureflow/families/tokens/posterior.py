"""Distributions of tokens, of one lane at a time and in float64.

An array of one lane has the same shape whatever lanes run beside it, so that its bits are its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sureflow.core.arrays import Floats, Integers


def log_probabilities(logits: npt.NDArray[np.floating]) -> Floats:
    """Logarithms of the probabilities ``[length, symbols]`` that logits stand for."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(-1, keepdims=True)
    found: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return found


def guided(plain: Floats, null: Floats, scale: float) -> Floats:
    """Log-probabilities in proportion to ``p(x | c)^g p(x)^(1 - g)``, all ``[length, symbols]``."""
    return log_probabilities(null + scale * (plain - null))


def entropies(log_p: Floats) -> Floats:
    """Entropy of every token, ``[length]``, in nats."""
    found: Floats = -(np.exp(log_p) * log_p).sum(-1)
    return found


def tempered(log_p: Floats, temperature: float, top_p: float) -> Floats:
    """Probabilities to draw from: of a temperature, and of the nucleus of mass ``top_p`` alone.

    ``log_p`` are log-probabilities up to a constant, ``[length, symbols]``.
    """
    p = np.exp(log_probabilities(log_p / temperature))
    if top_p < 1:
        order = np.argsort(-p, -1, kind="stable")
        sorted_p = np.take_along_axis(p, order, -1)
        before = np.cumsum(sorted_p, -1) - sorted_p
        kept = np.zeros_like(p)
        np.put_along_axis(kept, order, np.where(before < top_p, sorted_p, 0.0), -1)
        p = kept
    found: Floats = p / p.sum(-1, keepdims=True)
    return found


def drawn(p: Floats, u: Floats) -> Integers:
    """A token of every place by inversion: from probabilities and uniform numbers ``[length]``."""
    below = (np.cumsum(p, -1) <= u[:, None]).sum(-1)
    # Rounding may leave the sum below 1; the last token that can be is then meant.
    last = p.shape[-1] - 1 - (p[:, ::-1] > 0).argmax(-1)
    found: Integers = np.minimum(below, last)
    return found
