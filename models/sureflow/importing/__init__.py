"""Importing foreign models into checkpoint folders."""
