"""What a GPU does with all of it, by one command: ``python -m benchmarks.gpu --docs``."""
