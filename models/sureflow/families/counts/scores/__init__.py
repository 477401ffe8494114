"""The scores of counts."""
