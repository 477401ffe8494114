"""Molecules of MOSES as sequences of characters, with a property each."""
