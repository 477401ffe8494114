"""Reference draws: what every table is made of."""

from __future__ import annotations

import numpy as np
from stubs import Open, model_of

from sureflow.evaluation.reference import calibrate


def test_classes_have_noises_of_their_own_whatever_scales_are_asked_for() -> None:
    """Two classes that are one: by the same noises they would have one table, and err together."""
    twins = Open(
        means=[[2.0, 2.0], [-2.0, 1.0]] * 2,
        weights=[0.3, 0.2, 0.3, 0.2],
        covariances=[0.3, 0.2] * 2,
        labels=[0, 0, 1, 1],
    )
    tables = calibrate(model_of(twins), 50, [1.0, 2.0], steps=6, quiet=True).quantiles["propagated"]
    one, other, either = tables[0]
    assert not np.isclose(one, other).any()
    assert not np.isclose(one, either).all()
    alone = calibrate(model_of(twins), 50, [2.0], steps=6, quiet=True).quantiles["propagated"]
    assert np.array_equal(alone[0, :2], tables[1, :2])
