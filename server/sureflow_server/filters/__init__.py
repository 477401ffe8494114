"""What becomes of the samples of a request, by how sure the model is of them."""

from sureflow_server.filters.any_good import AnyGood
from sureflow_server.filters.balanced import Balanced
from sureflow_server.filters.decision import Action, Decision, JudgeDecision, Score, Taken
from sureflow_server.filters.everything import Everything
from sureflow_server.filters.filter import Filter
from sureflow_server.filters.rewinding import Rewinding
from sureflow_server.filters.rounds import Rounds
from sureflow_server.filters.second_stage import SecondStage
from sureflow_server.filters.target import Target
from sureflow_server.filters.threshold import StratumThreshold, Threshold
from sureflow_server.filters.top import Top

__all__ = [
    "Action",
    "AnyGood",
    "Balanced",
    "Decision",
    "Everything",
    "Filter",
    "JudgeDecision",
    "Rewinding",
    "Rounds",
    "Score",
    "SecondStage",
    "StratumThreshold",
    "Taken",
    "Target",
    "Threshold",
    "Top",
]
