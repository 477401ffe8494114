"""The page of what was measured on a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

QUESTIONS = {
    "overhead": "What confidence costs",
    "tick": "Where the time of a tick goes",
    "graphs": "The same, with CUDA graphs",
    "throughput": "What serving costs at saturation",
    "precision": "What bfloat16 does to samples and scores",
    "kernels": "What reproducible kernels cost",
    "picard": "One sample in parallel",
}
"""The parts, in the order of the page, and their titles."""


def page(device: str, torch_version: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page in Markdown; parts that failed say so."""
    lines = [
        "# On a GPU",
        "",
        f"Written by `python -m benchmarks.gpu --docs` on {device} (torch {torch_version}).",
    ]
    for part, figures in found.items():
        lines += ["", f"## {QUESTIONS[part]}", "", "| figure | value |", "|---|---:|"]
        lines += [f"| {label} | {_cell(value)} |" for label, value in figures.items()]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(each)}" for name, each in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else str(value)
