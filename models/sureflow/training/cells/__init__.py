"""Training data of cells: counts of genes, from a normalised table."""
