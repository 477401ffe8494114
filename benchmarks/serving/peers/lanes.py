"""What all peers do with requests: the library's offline loop, over all lanes of a batch together.

A peer speaks a part of our server's contract, so that one load generator serves all: the same body
in, and out of it the samples as base64 PNG with ``usage``. Beside that a peer tells what the whole
batch cost.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

import torch

from sureflow.checkpoint import load
from sureflow.core.lane import Sample
from sureflow.families.flow import FAMILY
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.sample import run

Body = dict[str, Any]
Answer = dict[str, Any]


class Generator:
    """A loaded model, one torch thread, and a number for every batch.

    Args:
        name: An embedded checkpoint.
        lanes: Lanes in flight at once within a batch.
    """

    def __init__(self, name: str, lanes: int) -> None:
        torch.set_num_threads(1)
        self.model = load(name)
        self.lanes = lanes
        self._numbers = count()
        self.answer([{"seed": 0}])

    def answer(self, bodies: Sequence[Body]) -> list[Answer]:
        """Generate for several requests in one run of the offline loop.

        Every answer waits for the last lane of the batch.
        """
        begun = time.monotonic()
        lanes = [specs(body) for body in bodies]
        ticks = count()
        samples = run(
            self.model, [s for each in lanes for s in each], self.lanes, lambda _: next(ticks)
        )
        batch = {
            "id": f"{os.getpid()}-{next(self._numbers)}",
            "requests": len(bodies),
            "rows": sum(sample.evaluations for sample in samples),
            "ticks": next(ticks),
        }
        compute_s = time.monotonic() - begun
        rest = iter(samples)
        answers = []
        for body, each in zip(bodies, lanes, strict=True):
            mine = [next(rest) for _ in each]
            usage = {
                "evaluations": sum(sample.evaluations for sample in mine),
                "queue_s": begun - body.get("sent", begun),
                "compute_s": compute_s,
            }
            form = body.get("output", {}).get("format", "png")
            records = [record(sample, form) for sample in mine]
            answers.append({"samples": records, "usage": usage, "batch": batch})
        return answers


def specs(body: Body) -> list[FlowSpec]:
    """The lanes that our server makes of the same body."""
    return [
        FlowSpec(
            body["seed"],
            index,
            label=body.get("condition", {}).get("label"),
            guidance=body.get("guidance", {}).get("scale", 1.0),
            **body.get("sampler", {}),
        )
        for index in range(body.get("n", 1))
    ]


def record(sample: Sample, form: Any) -> dict[str, Any]:
    """A sample, as far as the load generator looks at it."""
    return {
        "index": sample.spec.index,
        "data": FAMILY.codec.encode(sample.data, form),
        "confidence": sample.confidence,
        "finish_reason": sample.finish_reason,
        "evaluations": sample.evaluations,
    }


def options(description: str | None) -> argparse.Namespace:
    """The command line that every peer understands."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="fashion")
    parser.add_argument("--capacity", type=int, default=16, help="lanes in flight within a batch")
    parser.add_argument("--batch", type=int, default=8, help="most requests in a batch")
    parser.add_argument("--wait", type=float, default=0.02, help="seconds to wait for a batch")
    parser.add_argument("--timeout", type=float, default=30, help="seconds until 503 or 504")
    return parser.parse_args()
