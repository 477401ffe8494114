"""Names of the evidence that costs rows of its own."""

NULL = "null_velocity"
"""The velocity without condition, beside that with it."""

RENOISED = "renoised"
"""How surprising the finished sample is on the way to it from fresh noise, 1 as expected."""

SLOPE = "divergence"
"""The slope of the velocity along random signs, an estimate of its divergence."""
