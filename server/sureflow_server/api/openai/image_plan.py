"""From a request for images to the lanes of a model, by way of the request that we would have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import ValidationError

from sureflow.core.card import ModelCard
from sureflow.core.condition import LABEL, ConditionOptions
from sureflow.core.family import cost_of, family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.core.size import Size
from sureflow_server.api.generate_plan import plan_generate
from sureflow_server.api.openai.image_prompt import condition_of, is_given, prompted
from sureflow_server.api.openai.image_request import ImageRequest
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.resolve import IMAGE, card_of, image_models
from sureflow_server.filters.decision import REFUSED, WITHHELD
from sureflow_server.service import Service

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What a request for images comes to.

    Attributes:
        plan: What is made.
        revised_prompt: Name of the class that the prompt is understood as, if it is one.
        warnings: What was asked for and is not done.
    """

    plan: Plan
    revised_prompt: str | None
    warnings: tuple[str, ...]


def plan_images(request: ImageRequest, service: Service) -> ImagePlan:
    """Resolve names and defaults.

    Raises:
        InvalidFieldError: The model cannot do it; names the field.
        Problem: Likewise.
        NotReadyError: The models are still being loaded.
    """
    card = _card(request, service)
    condition = prompted(request, card)
    try:
        plan = plan_generate(_generate_request(request, card, condition), service)
    except InvalidFieldError as error:
        raise _renamed(error, request, card) from error
    if plan.form != IMAGE:
        raise Problem.field("output.format", f"this path answers with {IMAGE}")
    shown = _watched(plan, request) if request.stream else plan
    return ImagePlan(shown, condition.get(LABEL), tuple(request.warnings))


def in_words(size: Size) -> str:
    """A size as OpenAI has it: width before height."""
    return "x".join(map(str, reversed(size)))


def _card(request: ImageRequest, service: Service) -> ModelCard:
    """The model of a request, by default the first that makes images."""
    known = [card.name for card in image_models(service)]
    card = card_of(request.model or next(iter(known), None), service)
    if card.name not in known:
        others = f"choose from {', '.join(known)}, or " if known else ""
        message = f"{card.name} makes no images; {others}use POST /v1/generate"
        raise Problem.field("model", message)
    return card


def _renamed(error: InvalidFieldError, request: ImageRequest, card: ModelCard) -> InvalidFieldError:
    """The error with the name of the prompt, if it is about what that says, or ought to say."""
    asked = condition_of(card)
    if asked is None or error.field != f"condition.{asked}" or is_given(request, asked):
        return error
    return InvalidFieldError("prompt", error.message)


def _generate_request(
    request: ImageRequest, card: ModelCard, prompt: dict[str, str]
) -> GenerateRequest:
    """The request that asks for the same."""
    ours = request.model_fields_set & GenerateRequest.model_fields.keys()
    given = {name: value for name in ours if (value := getattr(request, name)) is not None}
    given["model"] = card.name
    if prompt:
        condition = request.condition or ConditionOptions.model_construct()
        given["condition"] = condition.model_copy(update=prompt)
    if (size := _size(request, card)) is not None:
        given["sampler"] = {**dict(given.get("sampler", {})), "size": list(size)}
    try:
        return GenerateRequest.model_validate(given)
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_context=False)
        raise Problem.invalid(complaints, given, within=["body"]) from None


def _size(request: ImageRequest, card: ModelCard) -> Size | None:
    """The size that the sampler shall have; ``None``: its own."""
    if request.size in (None, AUTO):
        return None
    found = [size for size in card.sizes if in_words(size) == request.size]
    if not found:
        known = ", ".join((AUTO, *map(in_words, card.sizes)))
        message = f"{card.name} makes no {request.size!r:.60}; choose from {known}"
        raise Problem.field("size", message)
    if "size" in request.sampler:
        raise Problem.field("size", "sampler.size says so too; leave one of them out")
    return None if found[0] == card.sizes[0] else found[0]


def _watched(plan: Plan, request: ImageRequest) -> Plan:
    """The plan with lanes that are looked at on their way."""
    count, taken = request.partial_images or 0, request.filter
    if not count:
        return plan
    if taken is not None and (taken.early or REFUSED[taken.action] in WITHHELD):
        message = "would show images that the filter withholds; leave it out, or annotate"
        raise Problem.field("partial_images", message)
    if obstacle := family_of(plan.lanes[0]).rewind_obstacle(plan.lanes[0]):
        raise Problem.field("partial_images", obstacle)
    watch = steps_shown(plan.lanes[0], count)
    return replace(plan, lanes=tuple(replace(lane, watch=watch) for lane in plan.lanes))


def steps_shown(spec: LaneSpec, count: int) -> tuple[int, ...]:
    """Steps at which an image is shown, evenly; where their number is open, each twice as late."""
    cost = cost_of(spec)
    if cost.kind is not None:
        return tuple(2**number for number in range(count) if 2**number < cost.steps)
    return tuple(sorted({cost.steps * number // (count + 1) for number in range(1, count + 1)}))
