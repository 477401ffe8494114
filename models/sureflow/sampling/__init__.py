"""Moves lanes of any family: ticks, scores, early stopping, recording, lineages."""
