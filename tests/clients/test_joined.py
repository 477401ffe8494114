"""Several results as one."""

from __future__ import annotations

from sureflow_client import Usage
from sureflow_client._cli.joined import cost
from sureflow_client._result import JudgeUsage


def test_costs_are_added() -> None:
    """Those of a judge too, where one was asked."""
    plain = Usage(evaluations=3, evaluations_saved=1, queue_s=0.5, compute_s=2.0)
    said = JudgeUsage(samples=2, seconds=1.5)
    judged = plain.model_copy(update={"judged": said})
    whole = cost([plain, judged, judged])
    assert (whole.evaluations, whole.evaluations_saved) == (9, 3)
    assert (whole.queue_s, whole.compute_s) == (1.5, 6.0)
    assert whole.judged == JudgeUsage(samples=4, seconds=3.0)
    assert cost([plain, plain]).judged is None
