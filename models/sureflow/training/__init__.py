"""Training of velocity networks and their variance."""
