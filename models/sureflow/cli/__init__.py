"""Commands of the library, in the order of the help page; see :mod:`sureflow.cli.app`."""

from sureflow.cli import (  # noqa: F401, I001 - they register themselves, in this order
    import_model,
    train,
    distill,
    fit,
    probe,
    classifier,
    ignorance,
    critic,
    circuit,
    calibrate,
    grid,
    index,
    judge,
    evaluate,
    inspect,
)
from sureflow.cli.app import app, examples

__all__ = ["app", "examples"]
