"""What every family speaks: lanes, queries, steps, scores, frames. Imports nothing above it."""
