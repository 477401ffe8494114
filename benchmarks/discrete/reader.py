"""A reader of cells: which label counts look like, by naive Bayes. It is no part of any model."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Floats, Integers


class Reader:
    """Multinomial naive Bayes with a prior of one molecule of every gene.

    A cell is a draw of its molecules from the mean composition of its label (McCallum and Nigam, A
    comparison of event models for naive Bayes, 1998).
    """

    def __init__(self, counts: Integers, labels: Integers) -> None:
        known = range(int(labels.max()) + 1)
        totals = np.stack([counts[labels == label].sum(0) + 1 for label in known])
        self._log_share: Floats = np.log(totals / totals.sum(1, keepdims=True))
        self._log_prior: Floats = np.log(np.bincount(labels) / len(labels))

    def read(self, counts: Integers) -> Integers:
        """The most probable labels ``[n]``."""
        found: Integers = (counts @ self._log_share.T + self._log_prior).argmax(1)
        return found
