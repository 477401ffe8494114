"""What rewinding does to samples, and what it saves: see ``python -m benchmarks.rewind``."""
