"""Judges of points, good and bad ones."""

from __future__ import annotations

import os
import time

from sureflow.core.lane import Sample


def far(samples: list[Sample]) -> list[float]:
    """The first coordinate."""
    return [float(sample.data.ravel()[0]) for sample in samples]


def slow(samples: list[Sample]) -> list[float]:
    """It never comes to an end on the right half."""
    if samples[0].data.ravel()[0] > 0:
        time.sleep(3600)
    return [0.0]


def deadly(samples: list[Sample]) -> list[float]:
    """Its process dies of samples on the right half."""
    if samples[0].data.ravel()[0] > 0:
        os._exit(1)
    return [0.0]


def failing(samples: list[Sample]) -> list[float]:
    raise RuntimeError("no such /etc/secret/place")


def silent(samples: list[Sample]) -> list[float]:
    return [float("nan")]


def many(samples: list[Sample]) -> list[float]:
    return [1.0, 2.0]


def leaving(samples: list[Sample]) -> list[float]:
    raise SystemExit(3)


def chatty(samples: list[Sample]) -> list[bool]:
    """Bad on the right half; it prints."""
    print("a judge speaks")
    return [bool(sample.data.ravel()[0] > 0) for sample in samples]


def striped(samples: list[Sample]) -> list[bool]:
    """Bad is what was asked to be of class 1."""
    return [sample.spec.label == 1 for sample in samples]
