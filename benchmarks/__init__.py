"""What the claims are measured with: ``python -m benchmarks.NAME [--quick] [--json FILE]``."""

import sureflow as sureflow  # decides on kernels before anything imports torch
