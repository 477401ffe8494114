"""What our scores say: free of torch."""

from sureflow.families.flow.scores.catalogue import FlowMeaning

PATH_LENGTH = FlowMeaning(
    "detour",
    "data units",
    "how long the path was",
    fold="sureflow_outside.path_length:PathLength",
)
