"""All tools, and what an agent should know before it uses one."""

from __future__ import annotations

from typing import Any

from .delete_handles import DELETE_HANDLES
from .explain import EXPLAIN
from .generate import GENERATE
from .job import JOB
from .keep_best import KEEP_BEST
from .models import LIST_MODELS
from .review import REVIEW
from .rewind import REWIND
from .score_own import SCORE_OWN
from .show import SHOW
from .tool import Tool

TOOLS: tuple[Tool[Any], ...] = (
    LIST_MODELS,
    GENERATE,
    KEEP_BEST,
    EXPLAIN,
    REWIND,
    REVIEW,
    SHOW,
    SCORE_OWN,
    JOB,
    DELETE_HANDLES,
)

INSTRUCTIONS = (
    "Sureflow makes samples with generative models and says how sure it is of each. Every sample "
    "has a handle (hdl_...), which is what tools pass on to each other. Confidence is in [0, 1], "
    "higher is surer: the share of the model's own draws that are less sure, where it holds. It is "
    "not the chance that a sample is right; list_models says what a model's score is not for. "
    "Doubtful samples can be dropped (keep_best), explained (explain) or taken back to the moment "
    "they decided and sent elsewhere (rewind)."
)
