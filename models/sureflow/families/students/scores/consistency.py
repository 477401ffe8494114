"""Scores that compare a finished sample with what the student makes of points near it."""

from __future__ import annotations

from sureflow.families.flow.scores.residual import Renoised
from sureflow.families.students.scores.catalogue import RENOISE_SPREAD, SELF_CONSISTENCY


class RenoiseSpread(Renoised):
    """``sqrt(mean |f(x_s, s) - x1|^2)`` over fresh noises ``z``, ``x_s = (1 - s) z + s x1``."""

    name = RENOISE_SPREAD


class SelfConsistency(Renoised):
    """``|f(x_h, h) - x1|`` for a point ``x_h`` on the way from the last state to the sample.

    The way is straight. A trajectory of the teacher bends, so that even an exact consistency
    function has a distance there; it is none only where trajectories are straight.
    """

    name = SELF_CONSISTENCY
