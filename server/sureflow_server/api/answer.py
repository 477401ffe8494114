"""Finished samples as JSON objects and as safetensors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np
from safetensors.numpy import save

from sureflow.core.lane import MAX_INVERSION_ERROR, NEIGHBOUR, NOVELTY, Array, Sample
from sureflow_server.api.encoding import map_of, profile_of
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Result, Run
from sureflow_server.api.selection import class_of, selection_of
from sureflow_server.filters import Decision

MOST_NAMED = 20
"""Samples that a warning names."""


def answer(run: Run, request_id: str, samples: Iterable[dict[str, Any] | bytes]) -> dict[str, Any]:
    """Return the whole answer around the records of its samples, for :func:`pieces`."""
    return {**head(run.plan, request_id), "samples": samples, **tail(run)}


def whole(run: Run, request_id: str) -> dict[str, Any]:
    """Return the whole answer, its samples in the order of their index, each when it is needed."""
    return answer(run, request_id, (encoded_record(result, run.plan) for result in run.ordered))


def encoded_record(result: Result, plan: Plan) -> dict[str, Any] | bytes:
    """Return a sample with its data, as JSON if it has been encoded."""
    return result.text or record(result, plan)


def tail(run: Run) -> dict[str, Any]:
    """Return what is known of the answer once all samples are."""
    versions = {r.sample.calibration_version: None for r in run.results if r.sample.confidence}
    latest = next(reversed(versions), run.plan.card.calibration_version)
    changed = "the model was calibrated anew meanwhile: some confidences are of tables before"
    return {
        "usage": run.usage(),
        "selection": selection_of(run.ordered, run.plan),
        **_summary(run),
        "calibration_version": latest or None,
        "warnings": [
            *run.warnings,
            *([changed] if len(versions) > 1 else []),
            *_not_returned(run.ordered, run.plan),
            *run.plan.family.doubts([result.sample for result in run.ordered]),
        ],
    }


def _summary(run: Run) -> dict[str, Any]:
    """What the samples say together, of families that have something to say."""
    found = run.plan.family.summary([result.sample for result in run.ordered])
    return {"summary": {k: _number(v) for k, v in found.items()}} if found else {}


def _not_returned(results: Sequence[Result], plan: Plan) -> list[str]:
    """Say which of the given samples the model does not make, and what then holds for them."""
    errors = {r.sample.spec.index: r.sample.inversion_error or 0.0 for r in results}
    missed = [index for index, error in errors.items() if error > MAX_INVERSION_ERROR]
    if not missed:
        return []
    which = ", ".join(map(str, missed[:MOST_NAMED])) + (", ..." * (len(missed) > MOST_NAMED))
    theirs = [name for name in results[0].sample.scores if plan.family.scores[name].way_back]
    but = f", but for {', '.join(theirs)}, measured on the way back" if theirs else ""
    return [
        f"{len(missed)} of {len(results)} samples did not come back (inversion_error above "
        f"{MAX_INVERSION_ERROR:g}; index {which}): they have no confidence, and their scores are "
        f"of what the model makes of them{but}"
    ]


def head(plan: Plan, request_id: str) -> dict[str, Any]:
    """Return what is known of the answer before any sample is."""
    return {
        "id": request_id,
        "model": plan.card.name,
        "model_version": plan.card.version,
        "seed": plan.seed,
    }


def record(result: Result, plan: Plan, *, withheld: bool = False) -> dict[str, Any]:
    """Return a sample with its data, the record's schema being ``SampleRecord``.

    Where ``withheld``, its data are left out even if the filter does not.
    """
    sample, codec = result.sample, plan.family.codec.of(plan.card)
    data = None if withheld or result.withheld else codec.encode(sample.data, plan.form)
    return {
        **facts(result, plan),
        "media_type": codec.media_types[plan.form],
        "data": data,
        **_profile(sample, plan),
        **({"map": map_of(sample.map, plan.form)} if plan.map else {}),
    }


def tensors(run: Run, results: Sequence[Result], request_id: str) -> bytes:
    """Return the answer as a safetensors file.

    Tensors: ``samples [n, *shape]`` (NaN where withheld), ``confidence [n]`` (NaN where unknown),
    ``uncertainty [n]`` and, if asked for, ``map [n, *shape]``. The JSON answer without its arrays
    is the metadata entry ``record``.
    """
    plan = run.plan
    samples = [result.sample for result in results]
    records = [{**facts(result, plan), **_profile(result.sample, plan)} for result in results]
    arrays = {
        "samples": samples_of(results),
        "confidence": np.array([sample.confidence for sample in samples], np.float32),
        "uncertainty": np.array([sample.uncertainty for sample in samples], np.float32),
    }
    if plan.map:
        arrays["map"] = np.stack([sample.map for sample in samples])
    return save(arrays, {"record": json.dumps(answer(run, request_id, records), allow_nan=False)})


def samples_of(results: Sequence[Result]) -> Array:
    """Return the data of all samples, ``[n, *shape]``, NaN where withheld."""
    return np.stack(
        [np.full_like(r.sample.data, np.nan) if r.withheld else r.sample.data for r in results]
    )


def facts(result: Result, plan: Plan) -> dict[str, Any]:
    """Everything about a sample that is not an array."""
    sample, meaning = result.sample, plan.family.scores[result.sample.score]
    index = sample.spec.index
    return {
        "index": index,
        "seed": sample.spec.seed,
        "label": class_of(plan.card, sample.spec),
        "shape": sample.data.shape,
        "confidence": _number(sample.confidence),
        "confidence_holds": sample.confidence_holds,
        "uncertainty": _number(sample.uncertainty),
        "method": sample.score,
        "semantics": meaning.semantics,
        "unit": meaning.unit,
        "scores": {name: _number(value) for name, value in sample.scores.items()},
        **_numbers(sample, plan),
        "commit": {"t": sample.commit.t, "step": sample.commit.step},
        "decision": result.decision and _decision(result.decision),
        "finish_reason": sample.finish_reason,
        "steps": {"accepted": sample.accepted, "rejected": sample.rejected},
        "evaluations": sample.evaluations,
        "tolerance": sample.tolerance,
        "inversion_error": _number(sample.inversion_error),
        "handle": result.handle,
        "parent": plan.parent,
        "rewound_from": plan.rewound_from(index),
    }


def _numbers(sample: Sample, plan: Plan) -> dict[str, Any]:
    """What else is known of a sample: by its family, and by an index of training data."""
    found = dict(plan.family.numbers(sample))
    for name in (NOVELTY, NEIGHBOUR) if plan.traced else (NOVELTY,):
        if name in sample.fields:
            found[name] = float(sample.fields[name])
    return {"numbers": {k: _number(v) for k, v in found.items()}} if found else {}


def _decision(decision: Decision) -> dict[str, Any]:
    """What was decided; of a judge only if one was asked, and a margin where there is one."""
    absent = [name for name in ("then", "margin") if getattr(decision, name) is None]
    return {name: value for name, value in asdict(decision).items() if name not in absent}


def _profile(sample: Sample, plan: Plan) -> dict[str, Any]:
    """The uncertainty over time, if it is asked for."""
    return {"profile": profile_of(sample.t, sample.rate)} if plan.profile else {}


def _number(value: float | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if value is not None and isfinite(value) else None
