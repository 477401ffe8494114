"""The rules of the house: who may import whom, read off the imports.

``python -m tests.house`` prints what breaks them, in this checkout or in that whose folder is
named. The rules are data, in :mod:`tests.house.rules`.
"""
