"""Score data of your own: how well does the model know each of them?

Needs a server, ``sureflow serve``; run ``python examples/score_your_data.py``. It takes seconds.

The flow is integrated from each point back to noise and forward again; the score of the way is that
of a sample. Points that the model would not make come last.
"""

from __future__ import annotations

import argparse

import numpy as np

from sureflow_client import Client


def main() -> None:
    """Score points of the ring of Gaussians that ``ring`` was trained on, and points off it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="Where the server listens.")
    parser.add_argument("--count", type=int, default=8, help="Points of each kind.")
    arguments = parser.parse_args()

    # Yours would come from a file. Half of these lie on the ring, half between it and its centre.
    angle = 2 * np.pi * np.arange(arguments.count) / arguments.count
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    kinds = np.repeat(["on the ring", "off it"], arguments.count)
    points = np.concatenate([2.0 * circle, 1.0 * circle])

    with Client(arguments.url) as client:
        result = client.invert(points, "ring")

    print(f"{'':12} {'x':>6} {'y':>6} {'minus log-density':>18} {'way back':>9}")
    for sample in sorted(result, key=lambda sample: sample.uncertainty or np.inf):
        x, y = points[sample.index]
        row = f"{kinds[sample.index]:12} {x:6.2f} {y:6.2f} {sample.uncertainty:18.2f}"
        print(f"{row} {sample.inversion_error:9.5f}")


if __name__ == "__main__":
    main()
