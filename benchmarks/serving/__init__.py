"""Our server and its peers under the same open-loop load; run with ``python -m``."""
