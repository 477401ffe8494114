"""Scores of students: what they mean, and how they are computed."""
