"""How samples are looked at, by the name that the card of a model has for it: a view a file."""

from __future__ import annotations

from sureflow_client import Model

from .counts import CountsView
from .crystal import CrystalView
from .image import ImageView
from .molecule import MoleculeView
from .plane import PlaneView
from .text import TextView
from .view import View

VIEWS: dict[str, type[View]] = {
    "image": ImageView,
    "plane": PlaneView,
    "text": TextView,
    "molecule": MoleculeView,
    "crystal": CrystalView,
    "counts": CountsView,
}


def view_of(model: Model | None) -> View:
    """Return the view of a model's samples; without one, what data show by themselves."""
    name = "" if model is None else model.view or ""
    return VIEWS.get(name, View)(model)
