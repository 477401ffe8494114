"""Judges of finished samples: other people's code, in processes of its own."""

from sureflow_server.judges.named import PREFIX, judges_of
from sureflow_server.judges.pool import JudgePool
from sureflow_server.judges.verdict import Verdict

__all__ = ["PREFIX", "JudgePool", "Verdict", "judges_of"]
