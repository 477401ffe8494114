"""``python -m sureflow``: the library's commands, without the server's."""

from sureflow.cli import app

app()
