"""Names of the evidence that costs rows of its own."""

NULL = "null_velocity"
"""The velocity without condition, besides the one with it."""

RENOISED = "renoised"
"""Squared error of the velocities between fresh noise and the sample, over its expected value."""

SLOPE = "divergence"
"""The slope of the velocity along random signs, an estimate of its divergence."""
