"""A model in a few lines."""

from __future__ import annotations

import json
import subprocess

from sureflow_client import Client
from sureflow_client._cli.main import main
from tests.commands import invoke


def command(server: str, *words: str) -> subprocess.CompletedProcess[str]:
    return invoke(main, *words, COLUMNS="120", SUREFLOW_URL=server)


def test_a_card_fits_on_a_screen(server: str) -> None:
    """It was 1,517 lines."""
    done = command(server, "models", "fashion")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.splitlines()
    assert len(shown) < 25
    text = done.stdout
    for word in ("Sneaker", "heun", "1 x 28 x 28", "probe", "share of samples", "inpaint", "png"):
        assert word in text
    assert max(map(len, shown)) < 1000
    whole = json.loads(command(server, "models", "fashion", "--json").stdout)
    assert whole["schemas"]["sampler"]


def test_notebooks_show_cards(server: str) -> None:
    """They showed all of every schema."""
    with Client(server) as client:
        models = client.models()
    assert len(repr(models)) < 500
    page = models._repr_html_()
    assert all(f'<td style="text-align:left">{model.name}' in page for model in models)
    assert len(page) < 20_000
    card = next(model for model in models if model.name == "digits")
    assert "<th" in card._repr_html_()
    assert "schemas" not in card._repr_html_()
    assert str(card).startswith("model ")
