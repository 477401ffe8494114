"""Posteriors of simulation-based inference, served: samples, scores and densities against exact ones."""
