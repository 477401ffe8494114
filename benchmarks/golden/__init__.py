"""Golden digests: do the samples of this commit have the bytes that those of another one have?

``python -m benchmarks.golden record FILE`` makes some 200 lanes and writes the sha256 of what came
out of each, and of its recipe. ``python -m benchmarks.golden compare FILE`` makes the same lanes
again and names what differs.

Digests hold for one machine and one set of kernels: matrix products of other processors, of
another torch, or under another ``MKL_CBWR``, round differently. Record and compare on the same
machine, with the same environment variables; otherwise ``compare`` refuses.

To record what another commit does, run this package on the library of that commit: its folders
come first in ``PYTHONPATH``. The lanes are the same there, because they are listed here
(:mod:`~benchmarks.golden.lanes`), not read from the library.

Frames are not hashed, as their format may change; what comes of going on from them is. Confidence
is hashed apart from the rest, because a calibration may be rebuilt on purpose.
"""
