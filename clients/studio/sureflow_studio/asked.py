"""What somebody asked for on the page, or elsewhere, from the request that the server keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sureflow_client import Asked

from .ask import MOST, Ask

GENERATE, INVERT = "/v1/generate", "/v1/invert"


def ask_of(asked: Asked | None) -> Ask | None:
    """Return the question that a request was; ``None`` where it asked for no new samples."""
    if asked is None or asked.path != GENERATE:
        return None
    said = asked.request
    chosen = said.get("filter") or {}
    usual = 1 if chosen.get("any_good") is None else MOST  # it takes as few as it can
    wanted = chosen.get("accept") or said.get("n") or usual
    return Ask(str(said.get("model")), min(int(wanted), MOST), options_of(said))


def options_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the client by which it makes the body of a request."""
    condition, sampler = dict(said.get("condition") or {}), dict(said.get("sampler") or {})
    guidance, confidence = said.get("guidance") or {}, said.get("confidence") or {}
    rewind = said.get("rewind")
    found = {
        "label": condition.pop("label", None),
        "labels": said.get("labels"),
        "condition": condition or None,
        "guidance": guidance.get("scale"),
        "negative": guidance.get("negative"),
        "size": sampler.pop("size", None),
        "sampler": sampler or None,
        "score": confidence.get("method"),
        "also": confidence.get("also"),
        "profile": confidence.get("profile"),
        "map": confidence.get("map"),
        "seed": said.get("seed"),
        "first": said.get("first"),
        "filter": said.get("filter"),
        "rewind": True if rewind == {} else rewind,
    }
    return {name: value for name, value in found.items() if value is not None}


def in_words(asked: Asked | None) -> str:
    """Return a request in a few words: class or prompt, solver, guidance, seed."""
    if asked is None:
        return ""
    options, given = options_of(asked.request), asked.path == INVERT
    sampler = options.get("sampler") or {}
    texts = [value for value in (options.get("condition") or {}).values() if isinstance(value, str)]
    labels = options.get("labels") or [options.get("label")]
    words = ["given" if given else None, *labels, *texts, sampler.get("method")]
    words += [f"{sampler[name]:g} {name}" for name in ("steps", "tolerance") if name in sampler]
    if (scale := options.get("guidance", 1)) != 1:
        words.append(f"guidance {scale:g}")
    if (seed := options.get("seed")) is not None and not given:
        words.append(f"seed {seed}")
    return " · ".join(str(word) for word in words if word is not None)
