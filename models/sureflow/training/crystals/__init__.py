"""Crystals that a potential relaxed: simple prototypes decorated with charge-balanced compositions.

``python -m sureflow.training.crystals`` makes ``models/data/crystals.safetensors`` again.
"""
