"""Moving lanes of any family: the tick, early stopping, frames on the way, lineages."""
