"""What the samples of a request say together: weights, constants, and whether they agree.

Free of torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sureflow.core.arrays import Floats
from sureflow.core.lane import Sample

LOG_WEIGHT, LOG_Z = "log_weight", "log_z"
CHAIN_MEAN, CHAIN_VARIANCE = "chain_mean", "chain_variance"
"""Fields of results."""

MOST_R_HAT = 1.1
"""R-hat above which samples are said to disagree (Gelman et al., 2013, section 11.4)."""

LEAST_SHARE = 0.1
"""Share of the samples that the effective number has at least, unless it is said to be low."""

MOST_ERROR = 0.5
"""Standard error of log Z, in nats, above which it is said to be uncertain."""


def log_mean(logs: Floats) -> float:
    """Log of the mean of numbers by their logs."""
    top = float(np.max(logs))
    if not np.isfinite(top):
        return top
    return top + float(np.log(np.mean(np.exp(logs - top))))


def numbers(sample: Sample) -> dict[str, float]:
    """What is said of one sample beside its scores: ``log_weight``, and ``log_z`` of its run."""
    return {
        name: float(sample.fields[name]) for name in (LOG_WEIGHT, LOG_Z) if name in sample.fields
    }


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """``ess``, ``log_z`` with ``log_z_error``, and ``r_hat`` of samples of one request.

    ``ess`` is ``(sum w)^2 / sum w^2`` of the weights. Where chains ran it is that number times the
    share of the variance between all chains that a chain has seen by itself, in the component where
    that is least: samples of chains that stayed apart are worth less. ``r_hat`` is the root of its
    inverse. ``log_z`` is the log of the mean of the lanes' estimates, and ``log_z_error`` its
    standard error (delta method), in nats. What is not known is NaN.
    """
    known = [each for each in samples if each.finish_reason == "converged" and each.fields]
    if not known:
        return {}
    logs = _of(known, LOG_WEIGHT)
    top = logs.max()
    weights = np.exp(logs - top) if np.isfinite(top) else np.ones(len(logs))
    effective = float(weights.sum() ** 2 / np.square(weights).sum())
    share, r_hat = _agreement(_of(known, CHAIN_MEAN), _of(known, CHAIN_VARIANCE))
    if np.isfinite(share):
        effective *= share
    found = {"ess": effective, **_constant(_of(known, LOG_Z))}
    return found if np.isnan(r_hat) else {**found, "r_hat": r_hat}


def warnings(samples: Sequence[Sample]) -> list[str]:
    """What speaks against the samples of a request, in sentences; nothing if nothing does."""
    found = summary(samples)
    said, count = [], len(samples)
    if found.get("r_hat", 1.0) > MOST_R_HAT:
        said.append(
            f"summary.r_hat: the chains of the samples stayed apart (R-hat {found['r_hat']:.2f},"
            f" above {MOST_R_HAT}): they have not mixed; take more steps or replicas"
        )
    if count > 1 and found and found["ess"] < LEAST_SHARE * count:
        said.append(
            f"summary.ess: {count} samples are worth {found['ess']:.1f} independent ones: take more"
            " steps or replicas"
        )
    if found.get("log_z_error", 0.0) > MOST_ERROR:
        said.append(f"summary.log_z: is uncertain by {found['log_z_error']:.1f} nats")
    return said


def _of(samples: Sequence[Sample], name: str) -> Floats:
    return np.array([each.fields[name] for each in samples], np.float64)


def _agreement(mean: Floats, variance: Floats) -> tuple[float, float]:
    """Least share of the variance within chains, and R-hat, by means and variances ``[n, d]``."""
    if len(mean) < 2 or not np.isfinite(variance).all():
        return float("nan"), float("nan")
    within = variance.mean(0)
    total = within + mean.var(0, ddof=1)
    asked = total > 0
    share = float((within[asked] / total[asked]).min()) if asked.any() else 1.0
    return share, float(1 / np.sqrt(share)) if share else float("inf")


def _constant(logs: Floats) -> dict[str, float]:
    if not np.isfinite(logs).any():
        return {}
    found = log_mean(logs)
    if len(logs) < 2:
        return {"log_z": found}
    ratios = np.exp(logs - found)
    return {"log_z": found, "log_z_error": float(ratios.std(ddof=1) / np.sqrt(len(ratios)))}
