"""Models of other packages, trained on small digits, imported and served as they are."""
