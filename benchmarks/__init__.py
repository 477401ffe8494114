"""What the claims are measured with: ``python -m benchmarks.NAME [--quick] [--json FILE]``."""
