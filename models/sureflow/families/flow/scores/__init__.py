"""The scores of flows: numbers that say how sure a model is of a sample.

They are computed while the sample is made. All are larger the *less* sure the model is. Their
meanings are in :mod:`~sureflow.families.flow.scores.catalogue`, which is free of torch.
"""
