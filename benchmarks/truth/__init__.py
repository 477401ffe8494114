"""Scores against truth: is a sample that scores as sure one that deserves it?"""
