"""Many replicas of the server on a clock of their own; see :mod:`benchmarks.simulate.__main__`."""
