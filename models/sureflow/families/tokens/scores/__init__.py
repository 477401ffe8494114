"""Scores of token sequences."""
