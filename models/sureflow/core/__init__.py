"""The contract between families and the rest: lanes, queries, steps, scores, frames.

The core imports no other part of the library.
"""
