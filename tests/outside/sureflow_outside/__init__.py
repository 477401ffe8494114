"""A distribution that is not ours: a solver, a score and a family, found by its entry points."""
