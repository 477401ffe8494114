"""Scores: numbers that say how sure a model is of a sample, gathered while it is made.

All are larger the *less* sure the model is; what each one means is in
:mod:`~sureflow.families.flow.scores.catalogue`, which is free of torch. One file per score.
"""
