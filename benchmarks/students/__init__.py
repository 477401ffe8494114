"""Students beside their teachers: quality, time, and what they give back of the training data."""
