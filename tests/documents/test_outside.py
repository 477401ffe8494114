from __future__ import annotations

import pytest

from documents.outside import with_site_links


@pytest.mark.parametrize(
    ("page", "markdown", "there"),
    [
        ("index.md", "[a](docs/keys.md#x)", "[a](keys.md#x)"),
        ("index.md", "![a](docs/fashion.png)", "![a](fashion.png)"),
        ("index.md", "[the studio](clients/studio/README.md)", "[the studio](studio.md)"),
        ("index.md", "[code](examples/redirect.py) there", "code there"),
        (
            "client.md",
            "[a](../../docs/keys.md), [b](../../README.md)",
            "[a](keys.md), [b](index.md)",
        ),
        ("benchmarks/README.md", "[a](truth.md)", "[a](truth.md)"),
        ("benchmarks/README.md", "[a](../../deploy/README.md)", "[a](../deploying.md)"),
        ("studio.md", '<img src="../../docs/x.png" alt="x">', '<img src="x.png" alt="x">'),
        ("keys.md", "[a](https://example.org), [b](#c)", "[a](https://example.org), [b](#c)"),
        ("keys.md", "```\n[a](nowhere.md)\n```", "```\n[a](nowhere.md)\n```"),
    ],
)
def test_links_are_those_of_the_site(page: str, markdown: str, there: str) -> None:
    dead: list[str] = []
    assert with_site_links(markdown, page, dead.append) == there
    assert dead == []


def test_dead_links_are_told() -> None:
    dead: list[str] = []
    with_site_links("[a](../deploy/nothing.md)", "keys.md", dead.append)
    assert dead == ["../deploy/nothing.md"]
