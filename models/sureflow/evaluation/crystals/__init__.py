"""Judges of crystals: potentials, known polymorphs, hulls. Needs the extra ``crystals``."""
