"""Crystals: whether the confidence of a flow finds the stable ones.

:func:`~benchmarks.crystals.judged.judge` judges crystals that were drawn,
:class:`~benchmarks.crystals.table.Table` has the figures of what was judged, and
:mod:`~benchmarks.crystals.laboratory` orders structures of a server with a judge beside it.
"""
