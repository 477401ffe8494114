"""What the numbers of a foreign network mean, and how it is called."""
