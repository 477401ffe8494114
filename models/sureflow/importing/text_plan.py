"""How the pipelines of diffusers make the conditions of a network of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sureflow.networks.foreign.transformers_encoder import MASK, POOLED

CLIP, PROJECTED, T5 = "CLIPTextModel", "CLIPTextModelWithProjection", "T5EncoderModel"
CLIP_TOKENS = 77
"""Tokens that CLIP reads where it stands beside T5."""


@dataclass(frozen=True)
class Plan:
    """How a pipeline makes conditions of a text.

    Attributes:
        kind: How answers are combined; see
            :func:`~sureflow.networks.foreign.transformers_encoder.transformers_encoder`.
        classes: Of each encoder, the classes that it may have.
        others: Other conditions than the text, by name: which part of the answer each is.
        lower: Whether prompts are written in lower case first.
    """

    kind: str
    classes: tuple[tuple[str, ...], ...]
    others: Mapping[str, str]
    lower: bool = False

    @property
    def spares_t5(self) -> bool:
        """Whether zeros may stand for T5."""
        return self.kind == "two_clips_and_t5"

    def lengths(self, length: int, count: int) -> Sequence[int]:
        """Tokens that each of ``count`` encoders reads, where the network is given ``length``.

        Raises:
            ValueError: The text is too short for the encoders.
        """
        if self.spares_t5:
            if length <= CLIP_TOKENS:
                raise ValueError(f"text: {length} tokens leave none beside those of CLIP")
            return [CLIP_TOKENS, CLIP_TOKENS, length - CLIP_TOKENS][:count]
        if self.kind == "pooled_clip_and_t5":
            return [CLIP_TOKENS, length]
        return [length] * count


PLANS = {
    "UNet2DConditionModel": Plan("last_layer", ((CLIP, PROJECTED),), {}),
    "PixArtTransformer2DModel": Plan("masked", ((T5,),), {"text_mask": MASK}, lower=True),
    "SD3Transformer2DModel": Plan(
        "two_clips_and_t5", ((PROJECTED,), (PROJECTED,), (T5,)), {"pooled": POOLED}
    ),
    "FluxTransformer2DModel": Plan("pooled_clip_and_t5", ((CLIP,), (T5,)), {"pooled": POOLED}),
}
SDXL = Plan("two_clips", ((CLIP,), (PROJECTED,)), {"pooled": POOLED})


def plan_of(name: str, conditions: Mapping[str, Any]) -> Plan | None:
    """The plan for a network, by its class and its conditions; ``None`` if it takes no text."""
    if name not in PLANS or "text" not in conditions:
        return None
    plan = PLANS[name]
    return SDXL if plan.kind == "last_layer" and "pooled" in conditions else plan
