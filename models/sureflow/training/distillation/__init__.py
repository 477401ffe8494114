"""Distillation of students from a teacher's own trajectories."""
