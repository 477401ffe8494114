"""Scores: what the variance along a sample's own path says about the sample."""
