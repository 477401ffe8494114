"""Several results as one."""

from __future__ import annotations

from collections.abc import Sequence

from .._result import Result, Usage
from .._sample import Sample


def joined(results: Sequence[Result], samples: Sequence[Sample]) -> Result:
    """Return these samples as one result, whose cost and warnings are those of all results."""
    costs = [result.usage for result in results]
    usage = Usage(**{name: sum(getattr(one, name) for one in costs) for name in Usage.model_fields})
    warnings = tuple(warning for result in results for warning in result.warnings)
    update = {"samples": tuple(samples), "usage": usage, "warnings": warnings}
    return results[-1].model_copy(update=update)
