"""Ralston's second-order method, which has the least bound on its truncation error."""

from sureflow.families.flow.tableau import Tableau

RALSTON = Tableau(2, ((), (2 / 3,)), (1 / 4, 3 / 4), (0.0, 2 / 3), (1.0, 0.0), 1)
