"""Judging samples: a classifier that the flow never saw, and distances in its feature space."""
