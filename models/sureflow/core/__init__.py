"""What every family speaks: fields, lanes, queries, steps, scores, frames. Imports nothing above."""
