"""Samples of densities that are known up to a constant, against exact draws and a peer."""
