"""Scores of runs: larger is less sure."""
