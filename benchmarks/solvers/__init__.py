"""Solvers by the error and by the samples that they come to with so many evaluations."""
