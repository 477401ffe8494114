"""Rewind a sample to the moment it committed, and redirect it from there.

Needs a server, ``sureflow serve``; run ``python examples/redirect.py``. It takes seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sureflow_client import Client, Condition, Resample, Uncertain


def main() -> None:
    """Take the least sure of some samples and try four other ends, and another class."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="Where the server listens.")
    parser.add_argument("--seed", type=int, default=7, help="Same seed, same samples.")
    parser.add_argument("--out", type=Path, default=Path("redirected"), help="Where pictures go.")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    with Client(arguments.url) as client:
        samples = client.generate("digits", n=4, seed=arguments.seed, label=8, rewind=True)
        doubtful = samples.sorted()[-1]
        print(f"sample {doubtful.index} has a confidence of {doubtful.confidence:.2f}")

        # When was most of it decided? Further commit points are where it decided fastest.
        handle = client.handle(doubtful)
        print(f"it committed at t = {handle.commits[0].t:.2f} of {handle.steps} steps")
        trajectory = client.frames(doubtful, [0, 0.25, 0.5, 0.75, 1], show=["prediction", "map"])
        trajectory.strip().save(arguments.out / "trajectory.png")

        # The same sample, drawn anew where the model was least sure: the evaluations are only
        # those of what is left of it.
        edited = client.edit(doubtful, Resample(region=Uncertain(0.3)), branches=4, seed=1)
        edited.sheet(columns=4).save(arguments.out / "branches.png")
        chosen = "the original" if edited.chosen is None else f"branch {edited.best.index}"
        print(f"from t = {edited.at.t:.2f}: {edited.confidence.round(2)}; surest: {chosen}")
        print(f"{edited[0].evaluations} evaluations a branch, {doubtful.evaluations} a sample")

        # What if it had been another digit from t = 0.2 on?
        other = client.edit(doubtful, Condition(label=3), at=0.2)
        other[0].image().save(arguments.out / "three.png")
        print(f"as a 3 from t = {other.at.t:.2f}: {other[0].confidence:.2f}")


if __name__ == "__main__":
    main()
