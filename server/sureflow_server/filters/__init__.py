"""What becomes of the samples of a request, by how sure the model is of them."""

from sureflow_server.filters.decision import Action, Decision, Score, Taken
from sureflow_server.filters.filter import Filter
from sureflow_server.filters.rewinding import Rewinding
from sureflow_server.filters.rounds import Rounds
from sureflow_server.filters.target import Target
from sureflow_server.filters.threshold import Threshold
from sureflow_server.filters.top import Top

__all__ = [
    "Action",
    "Decision",
    "Filter",
    "Rewinding",
    "Rounds",
    "Score",
    "Taken",
    "Target",
    "Threshold",
    "Top",
]
