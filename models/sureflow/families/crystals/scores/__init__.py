"""The scores of crystals. Their meanings are in the catalogue, which is free of torch."""
