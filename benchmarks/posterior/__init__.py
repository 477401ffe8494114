"""Posteriors of simulation-based inference, served, against exact ones."""
